//! One camera's live channel.

use super::LiveJoin;

/// The newest media of one camera, for any number of viewers.
pub struct LiveChannel {}

impl LiveChannel {
    /// A channel on which nothing has been published.
    pub fn new() -> Self {
        Self {}
    }

    /// Joins the channel: the format, the fragments since the newest random access point, and what follows.
    pub fn join(&self) -> LiveJoin {
        todo!("written next, by the owner of segment/")
    }
}
