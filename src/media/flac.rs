//! Encodes mono 16-bit sound as FLAC frames (RFC 9639): fixed predictors and partitioned Rice codes. Pure.
//!
//! Written here because an encoder of libavcodec keeps 6.7 MiB for each stream, which at 32 cameras is more than everything else
//! together. What it holds is one frame number; what comes out is of the same size as libavcodec's fixed predictors give.

use bytes::Bytes;

/// Highest order of a fixed predictor.
const MOST_ORDER: usize = 4;
/// Residuals are coded in at most 2^4 partitions, each with a Rice parameter of its own.
const MOST_PARTITION_ORDER: u32 = 4;
/// Largest Rice parameter of four bits; 15 is the escape code, which is never needed for 16-bit sound.
const MOST_RICE: u32 = 14;

/// Encodes one stream of sound, block by block.
#[derive(Clone, Debug)]
pub struct FlacEncoder {
    sample_rate: u32,
    block: usize,
    number: u32,
    residuals: Vec<u32>,
}

impl FlacEncoder {
    /// An encoder for mono sound of `sample_rate` samples per second: blocks of 40 ms, from 16 to 4608 samples.
    pub fn new(sample_rate: u32) -> Self {
        let block = (sample_rate / 25).clamp(16, 4608) as usize;
        Self { sample_rate, block, number: 0, residuals: Vec::new() }
    }

    /// Samples each frame must hold; only the last one of a stream may be shorter.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Encodes `samples`, at least one, at most [`block`](Self::block), into one frame.
    pub fn encode(&mut self, samples: &[i16]) -> Bytes {
        let mut out = Bits::with_capacity(samples.len() * 2 + 32);
        self.header(samples.len(), &mut out);
        self.subframe(samples, &mut out);
        out.align();
        let crc = crc16(&out.bytes);
        out.bytes.extend_from_slice(&crc.to_be_bytes());
        self.number = (self.number + 1) & 0x7fff_ffff;
        Bytes::from(out.bytes)
    }

    /// RFC 9639 section 9.1.
    fn header(&self, length: usize, out: &mut Bits) {
        // Sync code, then fixed block size.
        out.put(0xfff8, 16);
        // The block's size follows as 16 bits.
        out.put(0b0111, 4);
        let rate = match self.sample_rate {
            8000 => 0b0100,
            16_000 => 0b0101,
            32_000 => 0b1000,
            48_000 => 0b1010,
            // As the stream's description says.
            _ => 0,
        };
        out.put(rate, 4);
        // One channel, 16 bits a sample, a reserved bit.
        out.put(0b0000_1000, 8);
        put_coded_number(self.number, out);
        out.put(u32::try_from(length.saturating_sub(1)).unwrap_or(u32::MAX) & 0xffff, 16);
        let crc = crc8(&out.bytes);
        out.put(u32::from(crc), 8);
    }

    /// RFC 9639 section 9.2.
    fn subframe(&mut self, samples: &[i16], out: &mut Bits) {
        let first = samples.first().copied().unwrap_or(0);
        if samples.iter().all(|s| *s == first) {
            out.put(0, 8);
            return out.put_sample(i32::from(first), 16);
        }
        // Samples that were A-law or µ-law once leave their lowest bits unused.
        let wasted = samples.iter().fold(0, |bits, s| bits | s).trailing_zeros().min(15);
        let scaled: Vec<i32> = samples.iter().map(|s| i32::from(*s) >> wasted).collect();
        let order = best_order(&scaled);
        self.residuals.clear();
        residuals(&scaled, order, &mut self.residuals);
        let coding = Coding::best(&self.residuals, scaled.len(), order);
        let width = 16 - wasted;
        let verbatim = coding.bits + u64::from(width) * order as u64 >= u64::from(width) * scaled.len() as u64;
        let kind = if verbatim { 1 } else { 0b00_1000 | u32::try_from(order).unwrap_or(0) };
        out.put(kind << 1 | u32::from(wasted > 0), 8);
        if wasted > 0 {
            out.put(1, wasted);
        }
        let plain = if verbatim { scaled.len() } else { order };
        for sample in &scaled[..plain] {
            out.put_sample(*sample, width);
        }
        if !verbatim {
            coding.write(&self.residuals, scaled.len(), order, out);
        }
    }
}

/// The order whose residuals are smallest in sum.
fn best_order(samples: &[i32]) -> usize {
    let most = MOST_ORDER.min(samples.len().saturating_sub(1));
    let mut sums = [0u64; MOST_ORDER + 1];
    let mut before = [0i32; MOST_ORDER];
    for (n, sample) in samples.iter().enumerate() {
        // The differences of each order, one from the other.
        let mut difference = *sample;
        for order in 0..=most {
            if n >= most {
                sums[order] += u64::from(difference.unsigned_abs());
            }
            if order < MOST_ORDER {
                let next = difference - before[order];
                before[order] = difference;
                difference = next;
            }
        }
    }
    (0..=most).min_by_key(|order| sums[*order]).unwrap_or(0)
}

/// The residuals of the fixed predictor of `order`, folded: 0, -1, 1, -2 … become 0, 1, 2, 3 …
fn residuals(samples: &[i32], order: usize, out: &mut Vec<u32>) {
    let mut before = [0i32; MOST_ORDER];
    for (n, sample) in samples.iter().enumerate() {
        let mut difference = *sample;
        for last in &mut before[..order] {
            let next = difference - *last;
            *last = difference;
            difference = next;
        }
        if n >= order {
            out.push(((difference << 1) ^ (difference >> 31)).cast_unsigned());
        }
    }
}

/// How a block's residuals are coded.
struct Coding {
    partition_order: u32,
    parameters: Vec<u32>,
    /// Length with everything, in bits.
    bits: u64,
}

impl Coding {
    /// The shortest coding of `residuals` of a block of `length` samples.
    fn best(residuals: &[u32], length: usize, order: usize) -> Self {
        let fits = |p: u32| length.is_multiple_of(1 << p) && (length >> p) > order;
        let candidates = (0..=MOST_PARTITION_ORDER).take_while(|p| fits(*p)).map(|p| Self::of(residuals, length, order, p));
        candidates.min_by_key(|coding| coding.bits).unwrap_or(Self { partition_order: 0, parameters: vec![0], bits: u64::MAX })
    }

    fn of(residuals: &[u32], length: usize, order: usize, partition_order: u32) -> Self {
        let mut bits = 6;
        let parameters = partitions(residuals, length, order, partition_order)
            .map(|part| {
                let (parameter, length) = rice(part);
                bits += 4 + length;
                parameter
            })
            .collect();
        Self { partition_order, parameters, bits }
    }

    /// RFC 9639 section 9.2.7.
    fn write(&self, residuals: &[u32], length: usize, order: usize, out: &mut Bits) {
        out.put(0, 2);
        out.put(self.partition_order, 4);
        for (part, parameter) in partitions(residuals, length, order, self.partition_order).zip(&self.parameters) {
            out.put(*parameter, 4);
            for residual in part {
                out.put_zeros(residual >> parameter);
                out.put(1, 1);
                out.put(residual & ((1 << parameter) - 1), *parameter);
            }
        }
    }
}

/// The residuals of each partition; the first is shorter by the samples that stand there as they are.
fn partitions(residuals: &[u32], length: usize, order: usize, partition_order: u32) -> impl Iterator<Item = &[u32]> {
    let each = length >> partition_order;
    let (first, rest) = residuals.split_at((each - order.min(each)).min(residuals.len()));
    std::iter::once(first).chain(rest.chunks(each.max(1)))
}

/// The parameter that codes `part` shortest, and that length in bits.
fn rice(part: &[u32]) -> (u32, u64) {
    let length = |k: u32| part.iter().map(|r| u64::from(r >> k)).sum::<u64>() + part.len() as u64 * u64::from(k + 1);
    let mean = part.iter().map(|r| u64::from(*r)).sum::<u64>() / (part.len() as u64).max(1);
    // The best parameter lies within one of the mean's logarithm.
    let near = (mean + 1).ilog2().min(MOST_RICE);
    let tried = (near.saturating_sub(1)..=(near + 1).min(MOST_RICE)).map(|k| (k, length(k)));
    tried.min_by_key(|(_, bits)| *bits).unwrap_or((0, 0))
}

/// A number as UTF-8 codes it, up to 31 bits.
fn put_coded_number(number: u32, out: &mut Bits) {
    if number < 0x80 {
        return out.put(number, 8);
    }
    let mut further = 1;
    while number >> (6 * further + 6 - further) != 0 {
        further += 1;
    }
    let lead = (0xff00 >> (further + 1)) & 0xff;
    out.put(lead | number >> (6 * further), 8);
    for n in (0..further).rev() {
        out.put(0x80 | (number >> (6 * n)) & 0x3f, 8);
    }
}

/// Writes bits, highest first.
struct Bits {
    bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), held: 0, count: 0 }
    }

    /// The lowest `width` bits of `value`; at most 32.
    fn put(&mut self, value: u32, width: u32) {
        self.held = self.held << width | u64::from(value);
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.held >> self.count & 0xff) as u8);
        }
        self.held &= (1 << self.count) - 1;
    }

    fn put_sample(&mut self, sample: i32, width: u32) {
        self.put(sample.cast_unsigned() & ((1 << width) - 1), width);
    }

    fn put_zeros(&mut self, mut zeros: u32) {
        while zeros > 0 {
            let some = zeros.min(32);
            self.put(0, some);
            zeros -= some;
        }
    }

    fn align(&mut self) {
        let rest = (8 - self.count % 8) % 8;
        self.put(0, rest);
    }
}

/// CRC-8 of a frame's header: polynomial x^8 + x^2 + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, byte| (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 }))
}

/// CRC-16 of a frame: polynomial x^16 + x^15 + x^2 + 1.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| crc << 8 ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut crc = (n as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};

/// The STREAMINFO block of mono 16-bit sound in blocks of `block` samples (RFC 9639 section 8.2). Sizes, length and MD5 are
/// unknown (zero), as in a stream that has no end yet.
pub fn stream_info(sample_rate: u32, block: usize) -> [u8; 34] {
    let mut info = [0; 34];
    let block = u16::try_from(block).unwrap_or(u16::MAX).to_be_bytes();
    info[0..2].copy_from_slice(&block);
    info[2..4].copy_from_slice(&block);
    // 20 bits rate, 3 bits channels - 1, 5 bits depth - 1, 36 bits length.
    let packed = (u64::from(sample_rate) << 44) | (15 << 36);
    info[10..18].copy_from_slice(&packed.to_be_bytes());
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_info_tells_rate_channels_and_depth() {
        let info = stream_info(8000, 192);
        assert_eq!(info[0..4], [0, 192, 0, 192]);
        // 8000 = 0x01f40: 20 bits, then 000 (one channel), 01111 (16 bits).
        assert_eq!(info[10..14], [0x01, 0xf4, 0x00, 0xf0]);
    }

    #[test]
    fn the_checks_are_those_of_the_standard() {
        // Check values of CRC-8/SMBUS and CRC-16/UMTS (BUYPASS), which have these polynomials.
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn numbers_are_coded_as_utf_8_does() {
        let coded = |number| {
            let mut out = Bits::with_capacity(8);
            put_coded_number(number, &mut out);
            out.bytes
        };
        assert_eq!(coded(0x7f), [0x7f]);
        for letter in ['é', '监', '𠮷'] {
            assert_eq!(coded(u32::from(letter)), letter.to_string().as_bytes());
        }
        assert_eq!(coded(0x7fff_ffff), [0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]);
    }

    #[test]
    fn a_silent_block_is_one_sample() {
        let mut encoder = FlacEncoder::new(8000);
        assert_eq!(encoder.block(), 320);
        let frame = encoder.encode(&[8; 320]);
        assert_eq!(frame[..7], [0xff, 0xf8, 0x74, 0x08, 0, 0x01, 0x3f]);
        assert_eq!(frame[8..11], [0, 0, 8]);
        assert_eq!(frame.len(), 13);
    }
}
