//! The data of the records, by their numbers: the same in every process and for every library. It needs no library itself, so
//! that packages which cannot be built together can share it.

/// A line of a log, some 230 bytes of it.
pub struct Line {
    /// A UUID of version 7. They rise with the numbers.
    pub id: [u8; 16],
    /// Microseconds since 1970.
    pub timestamp: i64,
    pub source: String,
    pub text: String,
    pub ingestion_time: i64,
    pub config_version: i64,
}

/// 2025-10-09, in milliseconds.
const START: u64 = 1_760_000_000_000;

pub fn line(number: u64) -> Line {
    let millis = START + number;
    let timestamp = (millis * 1000 + number % 1000).cast_signed();
    let (handled, worker, bytes) = (number % 97, number % 13, number * 7 % 4096);
    Line {
        id: id(millis, number),
        timestamp,
        source: format!("svc-{}", number % 17),
        text: format!(
            r#"{{"level":"info","msg":"request {number} handled in {handled} ms by worker {worker}: 200, {bytes} bytes","trace":"{number:032x}"}}"#
        ),
        ingestion_time: timestamp + 3000,
        config_version: 42,
    }
}

/// Its random bits are a hash of the number.
fn id(millis: u64, number: u64) -> [u8; 16] {
    let hash = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 48;
    let id = u128::from(millis) << 80 | hash & !(0xf << 76) & !(0b11 << 62) | 0x7 << 76 | 0b10 << 62;
    id.to_be_bytes()
}
