//! Which picture a live view shows (画面), full or wall, and when it changes over by itself.
//!
//! Who asks for the wall picture gets it as long as it comes. While it does not, the view shows the full picture and listens; with
//! the wall picture's next random access point it goes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use tokio::time::sleep_until;

use crate::live::{LiveChannel, LiveFragment, Withheld};

/// A wall picture that has not come for this long is not waited for. It begins within half a second.
const PATIENCE: Duration = Duration::from_secs(3);

/// A picture of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Picture {
    /// As it is recorded, with sound (全尺寸画面).
    #[default]
    Full,
    /// Small and without sound, for a tile (电视墙小画面).
    Wall,
}

/// Why the full picture is shown although the wall picture was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// The camera has none.
    NoneThere,
    /// It is withheld.
    Withheld(Withheld),
    /// It does not come.
    Late,
}

impl Instead {
    /// The word for it, and a sentence in Chinese and English.
    pub fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Instead::NoneThere => {
                ("none", "该摄像机没有小画面，显示全尺寸画面。", "This camera has no wall picture; the full one is shown.")
            }
            Instead::Withheld(Withheld::Overload) => (
                "overload",
                "服务器负荷过高，小画面暂停，显示全尺寸画面。",
                "The server is overloaded and makes no wall pictures for now; the full one is shown.",
            ),
            Instead::Withheld(Withheld::NotDecoded) => (
                "not-decoded",
                "该摄像机暂未叠加，没有小画面，显示全尺寸画面。",
                "The camera is not being stamped, so there is no wall picture; the full one is shown.",
            ),
            Instead::Withheld(Withheld::NoEncoder) => (
                "no-encoder",
                "服务器上没有可用的小画面编码器，显示全尺寸画面。",
                "No encoder for wall pictures works on the server; the full one is shown.",
            ),
            Instead::Late => {
                ("late", "小画面没有送来，显示全尺寸画面。", "The wall picture does not come; the full one is shown.")
            }
        }
    }
}

/// Decides what a view shows. Time is given.
#[derive(Debug)]
struct Choice {
    asked: Picture,
    /// Why the full picture is shown instead of the wall picture asked for.
    instead: Option<Instead>,
    /// When the wall picture was last seen, while it is shown.
    seen: Instant,
}

impl Choice {
    fn new(asked: Picture, offered: bool, withheld: Option<Withheld>, now: Instant) -> Self {
        let instead = match (asked, offered) {
            (Picture::Full, _) => None,
            (Picture::Wall, false) => Some(Instead::NoneThere),
            (Picture::Wall, true) => withheld.map(Instead::Withheld),
        };
        Self { asked, instead, seen: now }
    }

    fn shows(&self) -> Picture {
        if self.instead.is_some() { Picture::Full } else { self.asked }
    }

    /// When the wall picture shown is given up unless something of it comes.
    fn patience(&self) -> Option<Instant> {
        (self.shows() == Picture::Wall).then(|| self.seen + PATIENCE)
    }

    /// The wall picture may come while the full one is shown.
    fn listens(&self) -> bool {
        self.instead == Some(Instead::Late)
    }

    /// The wall picture is withheld, or is not any more. True when the picture shown changes.
    fn withheld(&mut self, why: Option<Withheld>) -> bool {
        let showed = self.shows();
        self.instead = match (why, self.instead) {
            (Some(why), _) => Some(Instead::Withheld(why)),
            (None, Some(Instead::Withheld(_))) => Some(Instead::Late),
            (None, as_before) => as_before,
        };
        self.shows() != showed
    }

    /// Nothing of the wall picture has come in time.
    fn late(&mut self) {
        self.instead = Some(Instead::Late);
    }

    /// The wall picture begins again.
    fn begins(&mut self, now: Instant) {
        (self.instead, self.seen) = (None, now);
    }
}

/// What a view shows.
pub(super) struct Shown {
    full: Arc<LiveChannel>,
    wall: Option<Wall>,
    choice: Choice,
}

/// The wall picture of a view that asked for it.
struct Wall {
    channel: Arc<LiveChannel>,
    withheld: watch::Receiver<Option<Withheld>>,
    /// Its fragments, while the full picture is shown in its place. Keeps it wanted.
    listening: Option<broadcast::Receiver<Arc<LiveFragment>>>,
}

impl Shown {
    /// A view of a camera with these channels.
    pub fn new(asked: Picture, full: Arc<LiveChannel>, wall: Option<Arc<LiveChannel>>) -> Self {
        let mut wall = wall.filter(|_| asked == Picture::Wall).map(|channel| {
            let withheld = channel.withheld();
            Wall { channel, withheld, listening: None }
        });
        let withheld = wall.as_mut().and_then(|wall| *wall.withheld.borrow_and_update());
        let choice = Choice::new(asked, wall.is_some(), withheld, Instant::now());
        Self { full, wall, choice }
    }

    /// What is shown, and why it is not what was asked for.
    pub fn told(&self) -> (Picture, Option<Instead>) {
        (self.choice.shows(), self.choice.instead)
    }

    /// The channel shown.
    pub fn channel(&self) -> &Arc<LiveChannel> {
        match &self.wall {
            Some(wall) if self.choice.shows() == Picture::Wall => &wall.channel,
            _ => &self.full,
        }
    }

    /// A picture of the shown channel came.
    pub fn came(&mut self) {
        self.choice.seen = Instant::now();
    }

    /// Waits until the other picture is to be shown, and changes over. Never ends for a view that has no choice. Nothing is lost when
    /// the wait is given up.
    pub async fn changes(&mut self) {
        let Some(wall) = &mut self.wall else { return std::future::pending().await };
        loop {
            if !self.choice.listens() {
                wall.listening = None;
            } else if wall.listening.is_none() {
                wall.listening = Some(wall.channel.listen());
            }
            let patience = self.choice.patience();
            tokio::select! {
                why = next(&mut wall.withheld) => if self.choice.withheld(why) {
                    return;
                },
                () = until(patience) => return self.choice.late(),
                begins = begins(&mut wall.listening) => if begins {
                    wall.listening = None;
                    return self.choice.begins(Instant::now());
                },
            }
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// The next word on whether the picture is withheld.
async fn next(withheld: &mut watch::Receiver<Option<Withheld>>) -> Option<Withheld> {
    if withheld.changed().await.is_err() {
        // The channel is gone: the view is told so elsewhere.
        std::future::pending::<()>().await;
    }
    *withheld.borrow_and_update()
}

/// True when a player could begin with what came.
async fn begins(listening: &mut Option<broadcast::Receiver<Arc<LiveFragment>>>) -> bool {
    let Some(fragments) = listening else { return std::future::pending().await };
    match fragments.recv().await {
        Ok(fragment) => fragment.random_access,
        Err(broadcast::error::RecvError::Lagged(_)) => false,
        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHHELD: Withheld = Withheld::Overload;

    #[test]
    fn who_asks_for_the_full_picture_keeps_it() {
        let mut choice = Choice::new(Picture::Full, false, None, Instant::now());
        assert_eq!((choice.shows(), choice.instead, choice.patience(), choice.listens()), (Picture::Full, None, None, false));
        assert!(!choice.withheld(None));
        assert_eq!(choice.shows(), Picture::Full);
    }

    #[test]
    fn a_camera_without_a_wall_picture_or_with_one_withheld_begins_with_the_full_one() {
        let begun = |offered, withheld| Choice::new(Picture::Wall, offered, withheld, Instant::now()).instead;
        assert_eq!(begun(false, None), Some(Instead::NoneThere));
        assert_eq!(begun(true, Some(Withheld::NoEncoder)), Some(Instead::Withheld(Withheld::NoEncoder)));
        assert_eq!(begun(true, None), None);
    }

    #[test]
    fn a_wall_picture_given_up_is_replaced_at_once_and_comes_back_when_it_begins() {
        let now = Instant::now();
        let mut choice = Choice::new(Picture::Wall, true, None, now);
        assert!(choice.withheld(Some(WITHHELD)));
        assert_eq!((choice.shows(), choice.listens(), choice.patience()), (Picture::Full, false, None));
        assert!(!choice.withheld(None), "it has not come yet");
        assert_eq!((choice.shows(), choice.listens()), (Picture::Full, true));
        choice.begins(now + Duration::from_secs(9));
        assert_eq!(
            (choice.shows(), choice.listens(), choice.patience()),
            (Picture::Wall, false, Some(now + Duration::from_secs(12)))
        );
    }

    #[test]
    fn a_wall_picture_that_does_not_come_is_waited_for_three_seconds_from_its_last_sign() {
        let now = Instant::now();
        let mut choice = Choice::new(Picture::Wall, true, None, now);
        assert_eq!(choice.patience(), Some(now + Duration::from_secs(3)));
        choice.seen = now + Duration::from_secs(2);
        assert_eq!(choice.patience(), Some(now + Duration::from_secs(5)));
        choice.late();
        assert_eq!((choice.shows(), choice.instead, choice.listens()), (Picture::Full, Some(Instead::Late), true));
        assert!(!choice.withheld(Some(WITHHELD)), "the full picture stays");
        assert!(!choice.listens(), "nothing is to be expected");
    }

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let all = [
            Instead::NoneThere,
            Instead::Withheld(Withheld::Overload),
            Instead::Withheld(Withheld::NotDecoded),
            Instead::Withheld(Withheld::NoEncoder),
            Instead::Late,
        ];
        assert_eq!(all.map(|why| why.words().0), ["none", "overload", "not-decoded", "no-encoder", "late"]);
    }
}
