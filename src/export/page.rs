//! The page in an evidence package that tells how to check it without Jiancha: Chinese first, then English.

use super::package::{EVIDENCE, Evidence, PUBLIC_KEY, SUMS};

/// The page.
pub fn page(evidence: &Evidence) -> String {
    let hall = escape(&format!("{} {}", evidence.division, evidence.hall));
    let person = escape(&evidence.purpose.person);
    let reason = escape(&evidence.purpose.reason);
    let approval = escape(evidence.purpose.approval.as_deref().unwrap_or("—"));
    let (key, exported) = (&evidence.key, evidence.exported);
    let (from, to) = (evidence.asked.from, evidence.asked.to);
    let mut gaps = String::new();
    for subject in &evidence.subjects {
        for gap in &subject.gaps {
            gaps.push_str(&format!("<li>{}：{} — {}（{}）</li>", subject.camera, gap.from, gap.to, escape(&gap.cause)));
        }
    }
    if gaps.is_empty() {
        gaps.push_str("<li>无缺录 · no gaps</li>");
    }
    let (films_zh, films_en) = films(evidence);
    format!(
        r#"<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>如何核验本证据包</title>
<style>body{{font:16px/1.7 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:46em;margin:2em auto;padding:0 1em}}
pre{{background:#f3f3f3;padding:.8em;overflow-x:auto}}td{{padding:.1em 1em .1em 0;vertical-align:top}}</style>
<h1>如何核验本证据包</h1>
<table>
<tr><td>大厅<td>{hall}
<tr><td>所需时段<td>{from} 至 {to}
<tr><td>导出人、事由<td>{person}；{reason}
<tr><td>审批编号<td>{approval}
<tr><td>导出时间<td>{exported}
<tr><td>录像机密钥编号<td><code>{key}</code>
</table>
<p>影片：</p><ul>{films_zh}</ul>
<p>时段内的缺录：</p><ul>{gaps}</ul>
<ol>
<li><b>核对密钥。</b>密钥编号应与大厅监看系统“设备”页显示的、或验收档案中留存的编号一致。请优先使用另行留存的公钥；本包内的
<code>{PUBLIC_KEY}</code> 只能证明各文件彼此一致。自行计算编号：
<pre>openssl pkey -pubin -in {PUBLIC_KEY} -outform DER | tail -c 32 | sha256sum | cut -c1-16</pre></li>
<li><b>核对签名</b>（OpenSSL 3）。显示 <code>Signature Verified Successfully</code> 即为有效：
<pre>openssl pkeyutl -verify -pubin -inkey {PUBLIC_KEY} -rawin -in {EVIDENCE} -sigfile {EVIDENCE}.sig</pre></li>
<li><b>核对文件。</b>每个文件的 SHA-256 都写在已签名的 <code>{EVIDENCE}</code> 里，也可一次核对：
<pre>sha256sum -c {SUMS}</pre>
Windows 上逐个核对：<code>certutil -hashfile 文件名 SHA256</code></li>
<li><b>核对日清单</b>（manifests 目录，命令同第 2 步）。<code>{EVIDENCE}</code> 中每个来源文件的编号须在当日清单的范围内。</li>
</ol>
<p>安装了 Jiancha 的机器可一次完成全部核验：<code>jiancha verify-export 本目录 --key 公钥文件</code></p>
<hr>
<h1 lang="en">How to check this evidence package</h1>
<p lang="en">Films:</p><ul lang="en">{films_en}</ul>
<ol lang="en">
<li><b>The key.</b> Its id must be <code>{key}</code>, the one shown on the viewer's device page and kept in the acceptance file. Prefer a public
key you kept yourself: the <code>{PUBLIC_KEY}</code> in this package only proves that the files belong together.</li>
<li><b>The signature</b> (OpenSSL 3):
<pre>openssl pkeyutl -verify -pubin -inkey {PUBLIC_KEY} -rawin -in {EVIDENCE} -sigfile {EVIDENCE}.sig</pre></li>
<li><b>The files</b>, all of which are named with their SHA-256 in the signed text: <pre>sha256sum -c {SUMS}</pre></li>
<li><b>The manifests</b> of the days (folder manifests), with the command of step 2; the number of every source file must lie in its day's range.</li>
</ol>
<p lang="en">Or all at once: <code>jiancha verify-export THIS-FOLDER --key KEY</code></p>
</html>
"#
    )
}

/// The films, in both languages: which are as recorded, and which are copies with the stamp burnt in, where.
fn films(evidence: &Evidence) -> (String, String) {
    let (mut zh, mut en) = (String::new(), String::new());
    for film in evidence.subjects.iter().flat_map(|s| &s.films) {
        let name = escape(&film.name);
        if film.copy_of.is_empty() {
            zh.push_str(&format!("<li><code>{name}</code>：原始录像，逐位未改，摘要链证明的是它。</li>"));
            en.push_str(&format!(
                "<li><code>{name}</code>: the original, bit for bit; the chain of digests vouches for it.</li>"
            ));
            continue;
        }
        let originals = escape(&film.copy_of.join("、"));
        let spans: Vec<String> = film.burnt.iter().map(|s| format!("{} — {}", s.from, s.to)).collect();
        zh.push_str(&format!(
            "<li><code>{name}</code>：仅供查看的副本，来自 {originals}。下列时段录像本身无叠加，时间与标签是导出时按原始拍摄时间烧录的：{}</li>",
            spans.join("；")
        ));
        en.push_str(&format!(
            "<li><code>{name}</code>: a copy to look at, made from {}. Its time and label were burnt in at the export, from the times of capture, in: {}</li>",
            escape(&film.copy_of.join(", ")),
            spans.join("; ")
        ));
    }
    (zh, en)
}

/// Text that is safe inside HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_cannot_become_markup() {
        assert_eq!(escape("<b>\"A&B\"</b>"), "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;");
    }
}
