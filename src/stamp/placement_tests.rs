use proptest::prelude::*;

use super::*;

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
fn a_label_without_spaces_is_wrapped_between_characters() {
    let wrapped = wrap("内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道1024号便民服务", may_break, |t| measure(t, 10).width);
    assert_eq!(wrapped, ["内蒙古自治区阿拉善盟阿拉善左旗巴", "彦浩特镇额鲁特街道1024号便民服务"]);
}

#[test]
fn a_number_is_not_torn_apart() {
    let wrapped = wrap("甲1234567890乙", may_break, |t| measure(t, 10).width);
    assert_eq!(wrapped, ["甲", "1234567890乙"]);
}

#[test]
fn wrapping_never_starts_a_line_with_a_closing_mark() {
    let wrapped = wrap("窗口一、窗口二", may_break, |t| measure(t, 10).width);
    assert_eq!(wrapped, ["窗口一、", "窗口二"]);
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

proptest! {
    /// Any label in any picture is refused or lies inside, apart, whole, and within the limit.
    #[test]
    fn what_is_placed_lies_inside_and_under_the_limit(
        width in 160u32..4200, height in 120u32..4200,
        first in "[一-龥A-Z0-9 、]{0,40}", second in "[一-龥A-Z0-9 、]{0,40}",
    ) {
        let label = super::super::text::label_lines(&[first, second]);
        if let Ok(layout) = place(width, height, &label, measure) {
            prop_assert!(layout.label.len() <= 2);
            prop_assert!(layout.font_px >= FLOOR_PX);
            let mut all: Vec<&Line> = layout.label.iter().collect();
            all.push(&layout.time);
            for line in all {
                prop_assert!(line.x + line.width <= width && line.y + line.height <= height);
                prop_assert!(line.baseline <= line.height);
            }
            for line in &layout.label {
                prop_assert!(line.y >= layout.time.y + layout.time.height);
            }
            prop_assert!(covered_share(&layout, width, height) <= 0.04);
            let drawn: String = layout.label.iter().flat_map(|l| l.text.chars()).filter(|c| *c != ' ').collect();
            let wished: String = label.iter().flat_map(|l| l.chars()).filter(|c| *c != ' ').collect();
            prop_assert_eq!(drawn, wished);
        }
    }
}
