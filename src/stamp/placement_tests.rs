use proptest::prelude::*;

use super::*;

fn place(width: u32, height: u32, label: &[String], measure: impl Fn(&str, u32) -> Extent) -> Result<Layout, StampError> {
    super::place(width, height, label, &StampLayout::default(), measure)
}

/// A font whose Chinese characters are as wide as they are high and whose other characters are half as wide; ink reaches 7/8 of
/// the size above the baseline and 1/8 below.
fn measure(text: &str, px: u32) -> Extent {
    let width = text.chars().map(|c| if c.is_ascii() { px.div_ceil(2) } else { px }).sum();
    Extent { width, above: px * 7 / 8, below: px.div_ceil(8) }
}

fn lines(label: &[&str]) -> Vec<String> {
    label.iter().map(|s| (*s).to_owned()).collect()
}

fn usual() -> Vec<String> {
    lines(&["长春市朝阳区 重庆街道便民服务中心", "综合受理区 3、4号窗口"])
}

fn texts(layout: &Layout) -> Vec<&str> {
    layout.label.iter().map(|l| l.text.as_str()).collect()
}

fn covered_share(layout: &Layout, width: u32, height: u32) -> f64 {
    let label_width = layout.label.iter().map(|l| l.width).max().unwrap_or(0);
    let label_height = layout.label.last().map_or(0, |l| l.y + l.height) - layout.label.first().map_or(0, |l| l.y);
    f64::from(layout.time.width * layout.time.height + label_width * label_height) / f64::from(width * height)
}

#[test]
fn at_1080_lines_the_time_is_top_left_and_the_label_bottom_right() {
    let layout = place(1920, 1080, &usual(), measure).expect("it fits");
    assert_eq!((layout.font_px, layout.outline_px), (34, 3));
    assert_eq!((layout.time.x, layout.time.y), (22, 22));
    assert_eq!(texts(&layout), ["长春市朝阳区 重庆街道便民服务中心", "综合受理区 3、4号窗口"]);
    for line in &layout.label {
        assert_eq!(line.x + line.width, 1920 - 22);
    }
    assert_eq!(layout.label[1].y + layout.label[1].height, 1080 - 22);
    assert!(layout.label[0].y + layout.label[0].height <= layout.label[1].y);
}

#[test]
fn every_usual_size_takes_the_usual_label_as_it_is() {
    // 1/32 of the height (of the 16:9 picture of the same area), not below the floor.
    let sizes = [
        (640, 360, 12),
        (1280, 720, 23),
        (1366, 768, 24),
        (2560, 1440, 45),
        (3840, 2160, 68),
        (1080, 1920, 34),
        (704, 576, 15),
    ];
    for (width, height, font_px) in sizes {
        let layout = place(width, height, &usual(), measure).expect("it fits");
        assert_eq!(layout.font_px, font_px, "{width}x{height}");
        assert_eq!(texts(&layout), usual(), "{width}x{height}");
        assert!(covered_share(&layout, width, height) <= 0.04, "{width}x{height}");
    }
}

#[test]
fn a_label_too_long_for_its_line_is_wrapped_at_a_space_at_full_size() {
    let long = lines(&["内蒙古自治区阿拉善盟阿拉善左旗 巴彦浩特镇额鲁特街道便民服务中心", "综合受理区"]);
    let layout = place(1920, 1080, &long, measure).expect("it fits");
    assert_eq!(layout.font_px, 34);
    assert_eq!(texts(&layout), ["内蒙古自治区阿拉善盟阿拉善左旗", "巴彦浩特镇额鲁特街道便民服务中心 综合受理区"]);
}

#[test]
fn a_label_too_long_even_when_wrapped_is_shrunk() {
    let long = lines(&[
        "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心",
        "综合受理区 1、2、3、4、5、6、7、8号窗口 云台",
    ]);
    let layout = place(1920, 1080, &long, measure).expect("it fits");
    assert!((FLOOR_PX..34).contains(&layout.font_px), "{}", layout.font_px);
    assert_eq!(layout.label.len(), 2);
    assert!(covered_share(&layout, 1920, 1080) <= 0.04);
}

#[test]
fn a_label_too_long_at_the_floor_is_refused_with_the_limit() {
    let long =
        lines(&["内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道便民服务中心", "综合受理区 1、2、3、4、5、6、7、8号窗口"]);
    let error = place(640, 360, &long, measure).expect_err("far too long for a small picture").to_string();
    assert!(error.contains("640x360"), "{error}");
    assert!(error.contains("12 px"), "{error}");
    assert!(error.contains("4 %"), "{error}");
}

#[test]
fn a_picture_too_small_for_the_time_is_refused() {
    assert!(matches!(place(96, 64, &[], measure), Err(StampError::LabelTooLong { .. })));
}

#[test]
fn without_a_label_the_time_stands_alone() {
    let layout = place(1920, 1080, &[], measure).expect("it fits");
    assert!(layout.label.is_empty());
}

/// Every arrangement of two corners.
fn arrangements() -> Vec<StampLayout> {
    let corners = Corner::WORDS.map(|(_, corner)| corner);
    let pairs = corners.iter().flat_map(|time| corners.iter().map(move |label| (*time, *label)));
    pairs
        .filter(|(time, label)| time != label)
        .map(|(time_place, label_place)| StampLayout { time_place, label_place, ..StampLayout::default() })
        .collect()
}

#[test]
fn time_and_label_stand_in_the_corners_they_are_wished_in() {
    assert_eq!(arrangements().len(), 12);
    for style in arrangements() {
        let layout = super::place(1920, 1080, &usual(), &style, measure).expect("it fits");
        assert_eq!(layout.font_px, 34, "{style:?}");
        // The margin is 22 px; a time at the right or the bottom may stand one pixel further in, to fall on whole chroma samples.
        let near = |line: &Line, corner: Corner| {
            let (right, bottom) = (1920 - line.x - line.width, 1080 - line.y - line.height);
            let (x, y) = (if corner.is_left() { line.x } else { right }, if corner.is_top() { line.y } else { bottom });
            assert!((22..=23).contains(&x) && (22..=23).contains(&y), "{line:?} at {corner:?}");
        };
        near(&layout.time, style.time_place);
        assert_eq!((layout.time.x % 2, layout.time.y % 2), (0, 0));
        let outer = if style.label_place.is_top() { &layout.label[0] } else { &layout.label[1] };
        near(outer, style.label_place);
        let edge = |line: &Line| if style.label_place.is_left() { line.x } else { line.x + line.width };
        assert_eq!(edge(&layout.label[0]), edge(&layout.label[1]), "aligned at the picture's edge");
    }
}

#[test]
fn the_size_follows_what_the_site_wishes_within_the_limit() {
    let at = |size_milli_percent, label: &[&str]| {
        let style = StampLayout { size_milli_percent, ..StampLayout::default() };
        super::place(1920, 1080, &lines(label), &style, measure).map(|layout| layout.font_px).expect("it fits")
    };
    // 1080 lines: 2 % are 21.6, 3 % 32.4, 3.5 % 37.8 pixels.
    assert_eq!([2000, 3000, 3500].map(|size| at(size, &["长春市朝阳区", "综合受理区"])), [22, 32, 38]);
    // 6 % would be 65 px and cover more than 4 % of the picture.
    assert!((38..65).contains(&at(6000, &["长春市朝阳区", "综合受理区"])));
}

#[test]
fn a_time_without_the_weekday_is_narrower() {
    let style = StampLayout { weekday: false, ..StampLayout::default() };
    let layout = super::place(1920, 1080, &usual(), &style, measure).expect("it fits");
    // 14 digits, two colons and one space of 17 px each, three Chinese characters of 34, outline 3 on either side.
    assert_eq!(layout.time.width, 17 * 17 + 3 * 34 + 6);
}

#[test]
fn a_label_is_cut_with_an_ellipsis_and_never_within_a_number() {
    let label = lines(&["内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇", "综合受理区 101、102、103号窗口"]);
    let style = StampLayout::default();
    for width in 200..640 {
        let Some(layout) = place_anyway(width, width * 9 / 16, &label, &style, measure) else { continue };
        if layout.fit != Fit::Cut {
            continue;
        }
        let cut: Vec<&str> = texts(&layout).into_iter().filter_map(|line| line.strip_suffix(ELLIPSIS)).collect();
        assert!(!cut.is_empty(), "{width}: {:?}", texts(&layout));
        for kept in cut {
            let whole = label.iter().find(|line| line.starts_with(kept)).expect("the beginning of a line");
            let next = whole[kept.len()..].chars().next().expect("something was cut");
            let torn = kept.ends_with(|c: char| c.is_ascii_digit()) && next.is_ascii_digit();
            assert!(!torn, "{width}: {kept:?} of {whole:?}");
        }
    }
}

#[test]
fn a_smaller_picture_never_gets_more_of_the_stamp_than_a_larger_one() {
    let label = lines(&["内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道", "综合受理区 1、2、3、4、5、6号窗口"]);
    let style = StampLayout::default();
    let fits: Vec<Option<Fit>> =
        (6..60).map(|n| place_anyway(n * 32, n * 18, &label, &style, measure).map(|layout| layout.fit)).collect();
    let mut seen: Vec<Option<Fit>> = Vec::new();
    for fit in fits {
        if seen.last() != Some(&fit) {
            seen.push(fit);
        }
    }
    assert_eq!(seen, [Some(Fit::TimeOnly), Some(Fit::Cut), Some(Fit::Small), Some(Fit::Whole)]);
}

fn style() -> impl Strategy<Value = StampLayout> {
    (prop::sample::select(arrangements()), 2000u32..=6000, any::<bool>())
        .prop_map(|(style, size_milli_percent, weekday)| StampLayout { size_milli_percent, weekday, ..style })
}

fn apart(a: &Line, b: &Line) -> bool {
    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
}

/// Inside the picture, apart from each other, at most 4 % of the area.
fn check(layout: &Layout, width: u32, height: u32) -> Result<(), TestCaseError> {
    prop_assert!(layout.label.len() <= 2);
    for line in layout.label.iter().chain([&layout.time]) {
        prop_assert!(line.x + line.width <= width && line.y + line.height <= height, "{:?}", line);
        prop_assert!(line.baseline <= line.height);
    }
    for line in &layout.label {
        prop_assert!(apart(line, &layout.time), "{:?} {:?}", line, layout.time);
    }
    prop_assert!(covered_share(layout, width, height) <= 0.04);
    prop_assert!(layout.covered_px() * 100 <= u64::from(width) * u64::from(height) * 4);
    Ok(())
}

proptest! {
    /// Any label in any picture, wherever it is wished, is refused or lies inside, apart, whole, and within the limit.
    #[test]
    fn what_is_placed_lies_inside_and_under_the_limit(
        width in 160u32..4200, height in 120u32..4200, style in style(),
        first in "[一-龥A-Z0-9 、]{0,40}", second in "[一-龥A-Z0-9 、]{0,40}",
    ) {
        let label = super::super::text::label_lines(&[first, second]);
        if let Ok(layout) = super::place(width, height, &label, &style, measure) {
            check(&layout, width, height)?;
            prop_assert!(layout.font_px >= FLOOR_PX && layout.fit == Fit::Whole);
            let drawn: String = layout.label.iter().flat_map(|l| l.text.chars()).filter(|c| *c != ' ').collect();
            let wished: String = label.iter().flat_map(|l| l.chars()).filter(|c| *c != ' ').collect();
            prop_assert_eq!(drawn, wished);
        }
    }

    /// A picture of any size with a label of any length gets the most there is room for, and always within the limit.
    #[test]
    fn what_is_drawn_anyway_lies_inside_and_under_the_limit(
        width in 1u32..5000, height in 1u32..3000, style in style(), first in "[一-龥0-9、]{0,120}", second in "[一-龥0-9、]{0,120}",
    ) {
        let label = super::super::text::label_lines(&[first, second]);
        let placed = super::place(width, height, &label, &style, measure).ok();
        let anyway = place_anyway(width, height, &label, &style, measure);
        if let Some(layout) = &anyway {
            check(layout, width, height)?;
            prop_assert!(layout.fit == Fit::Whole || placed.is_none());
            prop_assert!(layout.font_px >= TIME_PX && (layout.font_px >= SMALL_PX || layout.fit == Fit::TimeOnly));
        }
        prop_assert!(anyway.is_some() || width < 640 || height < 360, "{width}x{height} must carry the time at least");
    }
}
