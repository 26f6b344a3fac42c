//! Whether the numbers that describe a view follow from the fiber and the request.

mod formulas;
mod view;
