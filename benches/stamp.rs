//! What drawing the stamp costs: the bitmap of a new second, and laying the stamp over a 1080p picture.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiancha::hall::StampLayout;
use jiancha::stamp::blend::{Chroma, Overlay, Picture, Range};
use jiancha::stamp::glyphs::{Glyphs, Rasteriser};
use jiancha::stamp::placement::place;
use jiancha::stamp::text::{TIME_CHARACTERS, time_text};
use jiancha::time::WallTime;

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

fn stamp(c: &mut Criterion) {
    let label = ["长春市朝阳区 重庆街道便民服务中心".to_owned(), "综合受理区 3、4号窗口".to_owned()];
    let texts = label.iter().map(String::as_str).chain([TIME_CHARACTERS]);
    let glyphs = Arc::new(Glyphs::load(None, texts).expect("the package fonts-noto-cjk is installed"));
    let layout = place(WIDTH, HEIGHT, &label, &StampLayout::default(), |text, px| glyphs.extent(text, px)).expect("it fits");
    let mut rasteriser = Rasteriser::new(Arc::clone(&glyphs), layout.font_px, layout.outline_px);

    let mut second = 0;
    c.bench_function("time of a new second, 1080p", |b| {
        b.iter(|| {
            second += 1_000_000;
            let bitmap = rasteriser.line(&time_text(WallTime::from_micros(second)), &layout.time);
            black_box(Overlay::new(&bitmap, layout.time.x, layout.time.y, Range::Limited))
        });
    });

    let overlays: Vec<Overlay> = layout
        .label
        .iter()
        .chain([&layout.time])
        .map(|line| Overlay::new(&rasteriser.line(&line.text, line), line.x, line.y, Range::Limited))
        .collect();
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let mut luma = vec![90u8; width * height];
    let (mut u, mut v) = (vec![120u8; width * height / 4], vec![130u8; width * height / 4]);
    let mut uv = vec![125u8; width * height / 2];
    c.bench_function("blend into I420, 1080p", |b| {
        b.iter(|| {
            let chroma = Chroma::Planar { u: &mut u, v: &mut v, u_stride: width / 2, v_stride: width / 2 };
            let mut picture = Picture { width, height, luma: &mut luma, luma_stride: width, chroma };
            overlays.iter().for_each(|overlay| overlay.blend(black_box(&mut picture)));
        });
    });
    c.bench_function("blend into NV12, 1080p", |b| {
        b.iter(|| {
            let chroma = Chroma::Interleaved { uv: &mut uv, stride: width };
            let mut picture = Picture { width, height, luma: &mut luma, luma_stride: width, chroma };
            overlays.iter().for_each(|overlay| overlay.blend(black_box(&mut picture)));
        });
    });
}

criterion_group!(benches, stamp);
criterion_main!(benches);
