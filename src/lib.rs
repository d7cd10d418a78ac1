//! Jiancha (监察): recorder and monitor for the video electronic supervision (视频电子监察) of Chinese government service halls.
//!
//! Modules follow the data path, left to right; each uses only what stands before it, plus [`hall`], [`time`],
//! [`calendar`] and [`media`]:
//! [`source`] → [`stamp`] → [`segment`] → [`catalogue`] → [`evidence`] → [`retention`] → [`backup`] → [`export`] → [`live`] →
//! [`observe`] → [`coverage`] → [`viewer`]. [`daemon`] alone knows all.

pub mod backup;
pub mod calendar;
pub mod catalogue;
pub mod command;
pub mod coverage;
pub mod daemon;
pub mod evidence;
pub mod export;
pub mod hall;
pub mod live;
pub mod media;
pub mod observe;
pub mod retention;
pub mod segment;
pub mod simulate;
pub mod source;
pub mod stamp;
pub mod time;
pub mod viewer;
