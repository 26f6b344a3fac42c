//! The checks as they are registered, against what stands in for __Title__ in the sandbox.

mod backlog;

// Linked for what it registers.
use shakedown___snake__ as _;
