//! The pictures of the loop: a still background drawn once, and what moves on it.

use std::f32::consts::TAU;

use super::canvas::{Brush, Canvas, Colour};
use super::furniture::{Palette, Person, counter, plant, queue_display, queue_number, room, screen, sign, sitting, standing};
use super::lettering::Lettering;
use crate::simulate::cameras::View;
use crate::simulate::marker::{self, Area};
use crate::simulate::schedule::Rate;

/// How far the PTZ camera pans, in sheet units.
const PAN_UNITS: f32 = 480.0;
/// The sheet behind the picture is this wide in units, without panning.
const SHEET_UNITS: f32 = 1920.0;
/// Where queue displays hang.
const QUEUE_AT: (f32, f32) = (110.0, 170.0);

/// Draws any picture of one camera's loop.
pub struct Scene {
    view: View,
    rate: Rate,
    background: Canvas,
    picture: Canvas,
}

impl Scene {
    /// Prepares the background for pictures of `width` × `height` pixels (both even, 16:9).
    pub fn new(view: View, rate: Rate, width: u32, height: u32, lettering: &Lettering) -> Self {
        let (width, height) = (width as usize, height as usize);
        let grey = Colour::rgb(0x808080);
        let wide = if view == View::Panning { SHEET_UNITS + PAN_UNITS } else { SHEET_UNITS };
        let mut background = Canvas::new((wide * height as f32 / 1080.0) as usize / 2 * 2, height, grey);
        let mut brush = Brush::new(&mut background, 0.0);
        match view {
            View::Window(number) => window_background(&mut brush, lettering, number),
            View::FacingWindows(left, right) => facing_background(&mut brush, lettering, left, right),
            View::Overview => hall_background(&mut brush, lettering, SHEET_UNITS),
            View::Panning => hall_background(&mut brush, lettering, SHEET_UNITS + PAN_UNITS),
        }
        Self { view, rate, background, picture: Canvas::new(width, height, grey) }
    }

    /// The picture drawn last.
    pub fn picture(&self) -> &Canvas {
        &self.picture
    }

    /// Draws picture `number` of the loop and gives its I420 bytes.
    pub fn draw(&mut self, number: u32) -> &[u8] {
        let turn = number as f32 / self.rate.frames_per_loop() as f32;
        // One swing to the right and back per loop. Whole even pixels, so that both chroma planes move with the luma.
        let pan = if self.view == View::Panning { (1.0 - (TAU * turn).cos()) / 2.0 * PAN_UNITS } else { 0.0 };
        let scale = self.picture.height as f32 / 1080.0;
        let pan_pixels = ((pan * scale / 2.0) as usize * 2).min(self.background.width - self.picture.width);
        self.picture.copy_from(&self.background, pan_pixels);
        let mut brush = Brush::new(&mut self.picture, pan_pixels as f32 / scale);
        match self.view {
            View::Window(number) => window_people(&mut brush, number, turn),
            View::FacingWindows(left, right) => facing_people(&mut brush, left, right, turn),
            View::Overview | View::Panning => hall_people(&mut brush, turn),
        }
        queue_number(&mut brush, QUEUE_AT, 17 + (turn * 4.0) as u32);
        instruments(&mut self.picture, number, self.rate.flashes(number));
        self.picture.bytes()
    }
}

/// The strip with the frame number and the lamp, each in a dark frame that keeps the scene away from it.
fn instruments(picture: &mut Canvas, number: u32, lit: bool) {
    let (width, height) = (picture.width, picture.height);
    let units = 1080.0 / height as f32;
    let mut brush = Brush::new(picture, 0.0);
    for Area { x, y, width, height } in [marker::strip_area(width, height), marker::lamp_area(width, height)] {
        let (x, y, w, h) = (x as f32 * units, y as f32 * units, width as f32 * units, height as f32 * units);
        brush.rounded(x - 16.0, y - 16.0, w + 32.0, h + 32.0, 12.0, Colour::rgb(0x2a2d31));
    }
    let lamp = marker::lamp_area(width, height);
    let colour = Colour::rgb(if lit { 0xffffff } else { 0x2a2d31 });
    brush.rect(lamp.x as f32 * units, lamp.y as f32 * units, lamp.width as f32 * units, lamp.height as f32 * units, colour);
    let strip = marker::strip_area(width, height);
    brush.rect(
        strip.x as f32 * units,
        strip.y as f32 * units,
        strip.width as f32 * units,
        strip.height as f32 * units,
        Colour::rgb(0),
    );
    marker::draw_frame_number(picture.luma_mut(), width, height, width, number);
    marker::draw_flash(picture.luma_mut(), width, height, width, lit);
}

fn window_background(brush: &mut Brush, lettering: &Lettering, number: u8) {
    let palette = Palette::of(number);
    room(brush, 0.0, SHEET_UNITS, &palette, 800.0);
    sign(brush, lettering, (620.0, 150.0), 700.0, number, "号窗口 综合受理", &palette);
    queue_display(brush, lettering, QUEUE_AT);
    plant(brush, 130.0, 880.0, 120.0);
    plant(brush, 1800.0, 880.0, 120.0);
    counter(brush, (560.0, 570.0), 800.0, 330.0, &palette);
    screen(brush, 800.0, 570.0, -1.0);
    brush.rect(1080.0, 556.0, 120.0, 14.0, Colour::rgb(0xf4f1ea));
    brush.rect(1010.0, 562.0, 60.0, 8.0, Colour::rgb(0x8a3b2f));
}

fn window_people(brush: &mut Brush, number: u8, turn: f32) {
    let palette = Palette::of(number);
    let phase = f32::from(number) * 0.13;
    sitting(brush, &clerk(&palette, 450.0, 725.0, 0.92, 1.0, phase), turn);
    sitting(brush, &visitor(&palette, 1470.0, 725.0, 0.92, -1.0, phase), turn);
}

fn facing_background(brush: &mut Brush, lettering: &Lettering, left: u8, right: u8) {
    let (a, b) = (Palette::of(left), Palette::of(right));
    room(brush, 0.0, SHEET_UNITS, &a, 800.0);
    brush.rect(940.0, 40.0, 40.0, 760.0, a.panel);
    sign(brush, lettering, (520.0, 150.0), 380.0, left, "号窗口", &a);
    sign(brush, lettering, (1010.0, 150.0), 380.0, right, "号窗口", &b);
    queue_display(brush, lettering, QUEUE_AT);
    counter(brush, (300.0, 600.0), 270.0, 300.0, &a);
    counter(brush, (1350.0, 600.0), 270.0, 300.0, &b);
    screen(brush, 400.0, 600.0, -1.0);
    screen(brush, 1520.0, 600.0, 1.0);
}

fn facing_people(brush: &mut Brush, left: u8, right: u8, turn: f32) {
    let (a, b) = (Palette::of(left), Palette::of(right));
    sitting(brush, &clerk(&a, 170.0, 720.0, 0.9, 1.0, 0.0), turn);
    sitting(brush, &visitor(&a, 690.0, 720.0, 0.9, -1.0, 0.2), turn);
    sitting(brush, &clerk(&b, 1750.0, 720.0, 0.9, -1.0, 0.5), turn);
    sitting(brush, &visitor(&b, 1230.0, 720.0, 0.9, 1.0, 0.7), turn);
    // A planter between the two places: it carries the strip.
    counter(brush, (560.0, 630.0), 800.0, 270.0, &a);
}

fn hall_background(brush: &mut Brush, lettering: &Lettering, width: f32) {
    let palette = Palette::of(0);
    room(brush, 0.0, width, &palette, 560.0);
    let mut x = 520.0;
    let mut number = 1;
    // On the sheet of the overview four windows fit left of the lamp.
    while x + 215.0 < width - 520.0 {
        let p = Palette::of(number);
        sign(brush, lettering, (x, 130.0), 190.0, number, "号窗口", &p);
        sitting(brush, &clerk(&p, x + 55.0, 440.0, 0.5, 1.0, f32::from(number) * 0.2), 0.0);
        counter(brush, (x - 10.0, 420.0), 200.0, 180.0, &p);
        number += 1;
        x += 218.0;
    }
    queue_display(brush, lettering, QUEUE_AT);
    plant(brush, 90.0, 640.0, 90.0);
    plant(brush, 430.0, 640.0, 90.0);
    plant(brush, width - 60.0, 640.0, 90.0);
    // Rows of chairs in the waiting zone (休息等候区), seen from behind.
    for (row, y) in [820.0f32, 960.0].into_iter().enumerate() {
        for seat in 0..((width - 300.0) / 150.0) as usize {
            let x = 180.0 + seat as f32 * 150.0 + row as f32 * 40.0;
            if (seat * 7 + row * 3) % 5 < 2 {
                let p = Palette::of((seat + row * 2) as u8);
                brush.ellipse(x + 55.0, y - 70.0, 34.0, 42.0, Colour::rgb(0x2d2622));
                brush.rounded(x + 5.0, y - 40.0, 100.0, 90.0, 34.0, p.visitor);
            }
            brush.rounded(x, y, 110.0, 90.0, 16.0, Colour::rgb(0x5f7f9f));
        }
    }
}

fn hall_people(brush: &mut Brush, turn: f32) {
    let hair = Colour::rgb(0x2d2622);
    let still = Person {
        x: 0.0,
        y: 0.0,
        size: 0.62,
        facing: 1.0,
        coat: Colour::rgb(0xb5543c),
        hair,
        nods: 1.0,
        gestures: 2.0,
        phase: 0.0,
    };
    // One person at a counter shifts from foot to foot; two cross the hall, beginning and ending outside the picture.
    let shifting = Person { x: 700.0 + 8.0 * (TAU * turn * 2.0).sin(), y: 560.0, ..still };
    standing(brush, &shifting, 0.0);
    let crossing = Person { x: -150.0 + turn * 2800.0, y: 590.0, size: 0.7, coat: Colour::rgb(0x3f7fb0), ..still };
    standing(brush, &crossing, turn * 14.0);
    let back = Person { x: 2550.0 - (turn + 0.5).fract() * 2800.0, y: 620.0, size: 0.76, coat: Colour::rgb(0x4f8a4a), ..still };
    standing(brush, &back, turn * 13.0);
}

fn clerk(palette: &Palette, x: f32, y: f32, size: f32, facing: f32, phase: f32) -> Person {
    Person { x, y, size, facing, coat: palette.uniform, hair: Colour::rgb(0x2d2622), nods: 3.0, gestures: 8.0, phase }
}

fn visitor(palette: &Palette, x: f32, y: f32, size: f32, facing: f32, phase: f32) -> Person {
    Person { x, y, size, facing, coat: palette.visitor, hair: Colour::rgb(0x4a3a30), nods: 2.0, gestures: 3.0, phase }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::marker::{flash_present, read_frame_number};

    #[test]
    fn every_view_shows_number_and_flash_at_every_size() {
        let none = Lettering::none();
        for view in [View::Window(1), View::FacingWindows(3, 4), View::Overview, View::Panning] {
            for (width, height) in [(1920, 1080), (1280, 720)] {
                let mut scene = Scene::new(view, Rate::Fps25, width, height, &none);
                for number in [0, 24, 25, 27, 200, 399] {
                    let picture = scene.draw(number);
                    let (w, h) = (width as usize, height as usize);
                    assert_eq!(picture.len(), w * h * 3 / 2);
                    assert_eq!(read_frame_number(picture, w, h, w), Some(number), "{view:?} {width}x{height}");
                    assert_eq!(flash_present(picture, w, h, w), matches!(number, 0 | 25 | 200), "{view:?} {number}");
                }
            }
        }
    }

    #[test]
    fn views_of_different_windows_differ_and_the_ptz_picture_pans() {
        let none = Lettering::none();
        let mut one = Scene::new(View::Window(1), Rate::Fps25, 1280, 720, &none);
        let mut two = Scene::new(View::Window(2), Rate::Fps25, 1280, 720, &none);
        assert_ne!(one.draw(10), two.draw(10));
        let mut pan = Scene::new(View::Panning, Rate::Fps25, 1280, 720, &none);
        let before = pan.draw(10)[..1280 * 100].to_vec();
        assert_ne!(before, pan.draw(200)[..1280 * 100]);
    }
}
