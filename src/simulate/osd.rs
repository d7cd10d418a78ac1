//! The camera that draws its own clock and label (摄像机自带叠加): its pictures are drawn and coded while it is watched.

use super::cameras::CameraSpec;
use super::fault::{ClockText, Condition};
use super::generate::{Brush, Canvas, Colour, Lettering, Scene};
use crate::time::WallTime;

/// What stands at the bottom right.
const LABEL: &str = "长春市朝阳区 综合受理区 1号窗口";
/// The same after somebody changed it.
const OTHER_LABEL: &str = "长春市朝阳区 综合受理区 7号窗口";
/// Height of the letters on a sheet of 1920 × 1080 units.
const LETTER_UNITS: f32 = 46.0;
/// Thickness of their dark outline.
const OUTLINE_UNITS: f32 = 3.0;

/// Draws the pictures of such a camera.
pub struct Painter {
    scene: Scene,
    lettering: Lettering,
    width: usize,
    height: usize,
    /// What the clock showed last: what a frozen one goes on showing.
    shown: String,
}

impl Painter {
    /// For this camera.
    pub fn new(spec: &CameraSpec) -> Self {
        let lettering = Lettering::find();
        let scene = Scene::new(spec.view, spec.rate, spec.width, spec.height, &lettering);
        Self { scene, lettering, width: spec.width as usize, height: spec.height as usize, shown: String::new() }
    }

    /// Picture `number` of the loop, captured at `capture`, as I420.
    pub fn draw(&mut self, number: u32, capture: WallTime, condition: &Condition) -> Vec<u8> {
        self.scene.draw(number);
        let text = match condition.clock_text {
            ClockText::Shown { offset_ms } => Some(time_text(capture.plus_micros(offset_ms * 1000))),
            ClockText::Frozen if self.shown.is_empty() => Some(time_text(capture)),
            ClockText::Frozen => Some(self.shown.clone()),
            ClockText::Missing => None,
        };
        let label = if condition.other_label { OTHER_LABEL } else { LABEL };
        let mut picture = self.scene.picture().clone();
        if let Some(text) = text {
            self.write(&mut picture, &text, 330.0, 60.0);
            self.shown = text;
        }
        self.write(&mut picture, label, 1480.0, 1020.0);
        debug_assert_eq!((picture.width, picture.height), (self.width, self.height));
        picture.bytes().to_vec()
    }

    /// White letters with a dark outline around the point `x`, `y`.
    fn write(&self, picture: &mut Canvas, text: &str, x: f32, y: f32) {
        let mut brush = Brush::new(picture, 0.0);
        let around = [(-1.0, -1.0), (0.0, -1.0), (1.0, -1.0), (-1.0, 0.0), (1.0, 0.0), (-1.0, 1.0), (0.0, 1.0), (1.0, 1.0)];
        for (dx, dy) in around {
            let (x, y) = (x + dx * OUTLINE_UNITS, y + dy * OUTLINE_UNITS);
            self.lettering.centred(&mut brush, text, x, y, LETTER_UNITS, Colour::rgb(0));
        }
        self.lettering.centred(&mut brush, text, x, y, LETTER_UNITS, Colour::rgb(0xffffff));
    }
}

fn time_text(at: WallTime) -> String {
    at.beijing().format("%Y-%m-%d %H:%M:%S").to_string()
}
