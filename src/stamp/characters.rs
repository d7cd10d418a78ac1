//! What sort of character it is of which a font has no picture: the remedy differs. Pure.

use std::fmt;

/// A sort of character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A Chinese character (生僻字): rare ones stand in the names of villages and streets.
    Han,
    /// An emoji or another little picture (表情符号).
    Emoji,
    /// Something that is not seen: a control character, a joiner, a variation selector (不可见字符).
    Invisible,
    /// Any other letter or mark.
    Other,
}

impl Sort {
    /// The sort of `character`.
    pub fn of(character: char) -> Self {
        match character {
            '\u{2e80}'..='\u{2fdf}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Sort::Han,
            // Planes 2 and 3 hold nothing else.
            '\u{20000}'..='\u{3fffd}' => Sort::Han,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => Sort::Invisible,
            '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e01ef}' => Sort::Invisible,
            '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => Sort::Emoji,
            c if c.is_control() => Sort::Invisible,
            _ => Sort::Other,
        }
    }

    /// Its name in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Sort::Han => "生僻字",
            Sort::Emoji => "表情符号",
            Sort::Invisible => "不可见字符",
            Sort::Other => "字符",
        }
    }

    /// What to do about it, in Chinese.
    pub fn remedy_zh(self) -> &'static str {
        match self {
            Sort::Han => {
                "字体里没有这个字：请在 [stamp] font 指明收有它的字体文件（例如 apt-get install fonts-hanazono 或本单位的人名地名字库），或改用通行的写法"
            }
            Sort::Emoji => "叠加只写文字，不画表情符号：请删去它",
            Sort::Invisible => "它看不见，多半是粘贴带来的：请删去它（重新输入这一行即可）",
            Sort::Other => "字体里没有这个字符：请换一个写法，或在 [stamp] font 指明收有它的字体文件",
        }
    }

    /// What to do about it, in English.
    pub fn remedy_en(self) -> &'static str {
        match self {
            Sort::Han => {
                "set `font` in [stamp] to a font that has this character (such as that of the package fonts-hanazono, or the \
                 authority's own for names), or write it the usual way"
            }
            Sort::Emoji => "the stamp writes text, not emoji: take it out",
            Sort::Invisible => "it is not to be seen and mostly came with a paste: take it out (type the line anew)",
            Sort::Other => "write the label without it, or set `font` in [stamp] to a font that has it",
        }
    }
}

impl fmt::Display for Sort {
    /// Its name in English.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sort::Han => "a Chinese character",
            Sort::Emoji => "an emoji",
            Sort::Invisible => "an invisible character",
            Sort::Other => "a character",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_chinese_characters_emoji_and_invisible_ones_are_told_apart() {
        // 㙍 of Extension A, 𠮷 of B, 𰻝 of G; a compatibility ideograph.
        for han in ['\u{364d}', '\u{20bb7}', '\u{30edd}', '\u{fa0e}', '窗'] {
            assert_eq!(Sort::of(han), Sort::Han, "{han}");
        }
        for emoji in ['😀', '☎', '✅', '🏢'] {
            assert_eq!(Sort::of(emoji), Sort::Emoji, "{emoji}");
        }
        for invisible in ['\u{7}', '\u{200d}', '\u{fe0f}', '\u{feff}'] {
            assert_eq!(Sort::of(invisible), Sort::Invisible, "{invisible:?}");
        }
        assert_eq!(Sort::of('ع'), Sort::Other);
    }
}
