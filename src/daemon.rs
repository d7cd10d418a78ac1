//! The one place that knows every module.
