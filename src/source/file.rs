//! Media files as cameras.
