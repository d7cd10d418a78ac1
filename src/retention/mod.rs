//! Retention (留存): what must stay, what may go and why, how long the disks will carry (R7).
//!
//! A day's footage may go when 30 later working days are complete, its copy is proven where a backup is configured, and no hold
//! lies on it. Plans are pure and can be shown without being carried out.

pub mod capacity;
