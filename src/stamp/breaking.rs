//! Where a Chinese line may be broken in two. Pure.
//!
//! Three levels, tried in this order: at spaces only; where words meet (a division, a hall or a zone ends with a known character,
//! a list goes on behind its comma); anywhere the rules of Chinese typesetting allow. No level puts a closing mark first, an
//! opening mark last, or tears a number from what it counts.

/// How freely a label may be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freedom {
    /// At spaces.
    Spaces,
    /// Also where words meet.
    Words,
    /// Wherever a Chinese line may break.
    Anywhere,
}

/// Marks that never begin a line (避头点), full-width forms as escapes: they look like their ASCII relatives.
const CLOSING: &str =
    "、\u{ff0c}。\u{ff1b}\u{ff1a}\u{ff1f}\u{ff01}\u{ff09}》」』】〕”’\u{3001}\u{ff5d}\u{ff3d}·…—,.;:?!)]}%\u{ff05}";

/// Marks that never end a line (避尾点).
const OPENING: &str = "\u{ff08}《「『【〔“‘\u{ff5b}\u{ff3b}([{";

/// Characters with which divisions, places and zones end.
const WORD_ENDS: &str = "省市区县州盟旗镇乡道路村厅站";

/// Behind one of [`WORD_ENDS`] these go on with the word: 区域, 市民, 道路, 街道办, 社区, 中心站点 …
const GOES_ON: &str = "域民路办事点级内外口务长政府委会里级";

/// True between two characters where a line may break at this level of freedom.
pub(super) fn may_break(freedom: Freedom, before: char, after: char) -> bool {
    let at_space = before == ' ' || after == ' ';
    match freedom {
        Freedom::Spaces => at_space,
        Freedom::Words => at_space || (allowed(before, after) && words_meet(before, after)),
        Freedom::Anywhere => at_space || allowed(before, after),
    }
}

fn allowed(before: char, after: char) -> bool {
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
    // `3` and `号` belong together, as do `A` and `1`.
    let inside_a_word = of_a_word(before) && (of_a_word(after) || before.is_ascii_digit());
    !(inside_a_word || CLOSING.contains(after) || OPENING.contains(before))
}

fn words_meet(before: char, after: char) -> bool {
    CLOSING.contains(before)
        || OPENING.contains(after)
        || before == '心'
        || (WORD_ENDS.contains(before) && !GOES_ON.contains(after) && !WORD_ENDS.contains(after))
}

/// Breaks `text` once so that the longer of the two lines is as short as possible; one line when it has no place to break.
pub(super) fn wrap(text: &str, may_break: impl Fn(char, char) -> bool, width: impl Fn(&str) -> u32) -> Vec<String> {
    let mut best: Option<(u32, &str, &str)> = None;
    let mut before = None;
    for (at, after) in text.char_indices() {
        if before.is_some_and(|b| may_break(b, after)) {
            let (first, second) = (text[..at].trim_end(), text[at..].trim_start());
            let longer = width(first).max(width(second));
            if !first.is_empty() && !second.is_empty() && best.is_none_or(|(shortest, ..)| longer < shortest) {
                best = Some((longer, first, second));
            }
        }
        before = Some(after);
    }
    match best {
        Some((_, first, second)) => vec![first.to_owned(), second.to_owned()],
        None if text.is_empty() => Vec::new(),
        None => vec![text.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn width(text: &str) -> u32 {
        text.chars().map(|c| if c.is_ascii() { 5 } else { 10 }).sum()
    }

    fn broken(freedom: Freedom, text: &str) -> Vec<String> {
        wrap(text, |before, after| may_break(freedom, before, after), width)
    }

    #[test]
    fn a_label_without_spaces_is_broken_where_its_words_meet() {
        assert_eq!(
            broken(Freedom::Words, "长春市朝阳区重庆街道便民服务中心综合受理区"),
            ["长春市朝阳区重庆街道", "便民服务中心综合受理区"]
        );
        assert_eq!(
            broken(Freedom::Words, "泰安市泰山区社区服务综合受理区域管理"),
            ["泰安市泰山区社区", "服务综合受理区域管理"]
        );
        assert_eq!(broken(Freedom::Words, "阿拉善盟（左旗）政务服务中心"), ["阿拉善盟（左旗）", "政务服务中心"]);
    }

    #[test]
    fn it_is_broken_anywhere_when_no_words_meet() {
        assert_eq!(
            broken(Freedom::Anywhere, "内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特镇额鲁特街道1024号便民服务"),
            ["内蒙古自治区阿拉善盟阿拉善左旗巴", "彦浩特镇额鲁特街道1024号便民服务"]
        );
    }

    #[test]
    fn a_number_is_torn_neither_apart_nor_from_what_it_counts() {
        assert_eq!(broken(Freedom::Anywhere, "甲1234567890乙"), ["甲", "1234567890乙"]);
        assert_eq!(broken(Freedom::Anywhere, "窗口一二三四12号"), ["窗口一二", "三四12号"]);
        assert_eq!(broken(Freedom::Anywhere, "12号"), ["12号"]);
    }

    #[test]
    fn a_line_never_begins_with_a_closing_mark_nor_ends_with_an_opening_one() {
        assert_eq!(broken(Freedom::Anywhere, "窗口一、窗口二"), ["窗口一、", "窗口二"]);
        assert_eq!(broken(Freedom::Anywhere, "甲乙丙丁\u{ff08}戊\u{ff09}己庚"), ["甲乙丙丁", "\u{ff08}戊\u{ff09}己庚"]);
    }

    proptest! {
        /// At no level are characters lost, nor do marks stand where they must not.
        #[test]
        fn breaking_keeps_every_character_and_the_rules_of_marks(text in "[一-十市区镇0-9A-C 、，。）（《》·]{0,24}") {
            for freedom in [Freedom::Spaces, Freedom::Words, Freedom::Anywhere] {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let lines = broken(freedom, &text);
                let kept = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
                prop_assert_eq!(kept(&lines.concat()), kept(&text));
                if let [first, second] = &lines[..] {
                    let at_space = text.contains(&format!("{first} {second}"));
                    prop_assert!(at_space || !second.starts_with(|c| CLOSING.contains(c)), "{:?}", lines);
                    prop_assert!(at_space || !first.ends_with(|c| OPENING.contains(c)), "{:?}", lines);
                }
            }
        }
    }
}
