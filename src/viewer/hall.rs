//! The hall as the page draws it: zones, windows, cameras. Nothing secret: no address of a camera, no credentials.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::app::App;
use super::reply::ErrorBody;
use crate::hall::{CameraKind, Corner, Hall, StampMode};

/// The hall.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct HallAnswer {
    /// Name of the hall.
    name: String,
    /// Administrative division (行政区划).
    division: String,
    /// Rule profile.
    profile: Option<String>,
    /// Version of the recorder.
    version: &'static str,
    /// Function zones (功能分区).
    zones: Vec<ZoneAnswer>,
    /// Service windows (窗口).
    windows: Vec<WindowAnswer>,
    /// Cameras.
    cameras: Vec<CameraAnswer>,
    /// Where the stamp stands that is drawn when a picture is shown which carries none.
    stamp: StampAnswer,
}

/// Where the stamp stands (叠加位置): the same places as in the recording.
#[derive(Serialize, utoipa::ToSchema)]
struct StampAnswer {
    /// Corner of the time.
    #[schema(value_type = String, example = "top-left")]
    time_place: Corner,
    /// Corner of the label.
    #[schema(value_type = String, example = "bottom-right")]
    label_place: Corner,
    /// Em size in thousandths of a percent of the picture's height.
    size_milli_percent: u32,
    /// The time shows the day of the week.
    weekday: bool,
}

/// A function zone.
#[derive(Serialize, utoipa::ToSchema)]
struct ZoneAnswer {
    id: String,
    /// Type of zone, such as 综合受理区.
    r#type: String,
    name: Option<String>,
    /// True for a self-service area open around the clock.
    all_day: bool,
}

/// A service window.
#[derive(Serialize, utoipa::ToSchema)]
struct WindowAnswer {
    id: String,
    name: Option<String>,
    zone: String,
    /// Its fixed camera.
    camera: String,
    /// The camera whose stream carries its sound.
    sound_camera: Option<String>,
    /// The window on the other side of the counter (面对面).
    faces: Option<String>,
}

/// A camera.
#[derive(Serialize, utoipa::ToSchema)]
struct CameraAnswer {
    id: String,
    name: Option<String>,
    #[schema(value_type = super::openapi::CameraKindForm)]
    kind: CameraKind,
    zone: String,
    /// How the stamp gets into the picture.
    #[schema(value_type = super::openapi::StampModeForm)]
    stamp: StampMode,
    /// The two lines of its label.
    label: [String; 2],
    /// The windows it looks at.
    windows: Vec<String>,
}

/// Tells the hall.
#[utoipa::path(
    get, path = "/api/v1/hall", tag = "hall",
    responses(
        (status = 200, description = "The hall", body = HallAnswer),
        (status = 401, description = "`not-signed-in`", body = ErrorBody),
    )
)]
pub(super) async fn hall(State(app): State<Arc<App>>) -> Json<HallAnswer> {
    Json(answer(&app.shown.hall))
}

fn answer(hall: &Hall) -> HallAnswer {
    HallAnswer {
        name: hall.name.clone(),
        division: hall.division.clone(),
        profile: hall.profile.clone(),
        version: env!("CARGO_PKG_VERSION"),
        zones: hall
            .zones
            .iter()
            .map(|z| ZoneAnswer { id: z.id.to_string(), r#type: z.zone_type.clone(), name: z.name.clone(), all_day: z.all_day })
            .collect(),
        windows: hall
            .windows
            .iter()
            .map(|w| WindowAnswer {
                id: w.id.to_string(),
                name: w.name.clone(),
                zone: w.zone.to_string(),
                camera: w.camera.to_string(),
                sound_camera: hall.sound_camera(w).map(|c| c.id.to_string()),
                faces: w.faces.as_ref().map(ToString::to_string),
            })
            .collect(),
        stamp: StampAnswer {
            time_place: hall.stamp.layout.time_place,
            label_place: hall.stamp.layout.label_place,
            size_milli_percent: hall.stamp.layout.size_milli_percent,
            weekday: hall.stamp.layout.weekday,
        },
        cameras: hall
            .cameras
            .iter()
            .map(|c| CameraAnswer {
                id: c.id.to_string(),
                name: c.name.clone(),
                kind: c.kind,
                zone: c.zone.to_string(),
                stamp: c.stamp,
                label: hall.label_lines(c),
                windows: hall.windows_of(&c.id).map(|w| w.id.to_string()).collect(),
            })
            .collect(),
    }
}
