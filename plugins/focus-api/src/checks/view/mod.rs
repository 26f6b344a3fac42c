//! Types of view: each is served, with what it needs and no more. Types that do not exist are `focus-api.prelaunch.view`.

mod valid;
mod waterfall;
