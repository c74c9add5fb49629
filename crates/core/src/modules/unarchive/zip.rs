//! What a zip archive says about its members, from its central directory. `unzip` does the unpacking.

/// A member.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path; a directory's ends with a slash.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Checksum of its content.
    pub crc: u32,
    /// Permissions and kind as Unix has them, if it was made there.
    pub mode: Option<u32>,
    /// Local time of its last change, `YYYY-MM-DD hh:mm:ss`.
    pub modified: String,
}

const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let slice = bytes.get(at..at.checked_add(width)?)?;
    Some(slice.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The size of a member whose own field is too small, from its extra field.
fn large_size(mut extra: &[u8]) -> Option<u64> {
    while extra.len() >= 4 {
        let (kind, length) = (number(extra, 0, 2)?, usize::try_from(number(extra, 2, 2)?).ok()?);
        if kind == 1 {
            return number(extra, 4, 8);
        }
        extra = extra.get(4 + length..)?;
    }
    None
}

/// All members; nothing if it is no zip archive.
pub fn members(bytes: &[u8]) -> Option<Vec<Member>> {
    let end = bytes.len().checked_sub(22)?;
    let lowest = end.saturating_sub(65_535);
    let end = (lowest..=end).rev().find(|at| bytes[*at..].starts_with(END))?;
    let mut at = usize::try_from(number(bytes, end + 16, 4)?).ok()?;
    // Where there are too many for its fields, another record has the start.
    if at == 0xffff_ffff {
        let locator = end.checked_sub(20)?;
        let record = usize::try_from(number(bytes, locator + 8, 8)?).ok()?;
        at = usize::try_from(number(bytes, record.checked_add(48)?, 8)?).ok()?;
    }
    let mut found = Vec::new();
    while bytes.get(at..)?.starts_with(CENTRAL) {
        let length = |offset| number(bytes, at + offset, 2).and_then(|length| usize::try_from(length).ok());
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let name_bytes = bytes.get(at + 46..at + 46 + name)?;
        let extra_bytes = bytes.get(at + 46 + name..at + 46 + name + extra)?;
        let size = number(bytes, at + 24, 4)?;
        let size = if size == 0xffff_ffff { large_size(extra_bytes)? } else { size };
        let by_unix = number(bytes, at + 5, 1)? == 3;
        let mode = u32::try_from(number(bytes, at + 38, 4)? >> 16).ok().filter(|mode| by_unix && *mode != 0);
        let (time, date) = (number(bytes, at + 12, 2)?, number(bytes, at + 14, 2)?);
        let modified = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            1980 + (date >> 9),
            (date >> 5 & 15).clamp(1, 12),
            (date & 31).max(1),
            (time >> 11).min(23),
            (time >> 5 & 63).min(59),
            ((time & 31) * 2).min(59)
        );
        found.push(Member {
            name: String::from_utf8_lossy(name_bytes).into_owned(),
            size,
            crc: u32::try_from(number(bytes, at + 16, 4)?).ok()?,
            mode,
            modified,
        });
        at += 46 + name + extra + comment;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_central_directory() {
        let mut bytes = b"PK\x03\x04 local part ".to_vec();
        let start = bytes.len();
        bytes.extend(CENTRAL);
        bytes.extend([20, 3, 20, 0, 0, 0, 0, 0]);
        // 2024-02-29 10:11:12
        bytes.extend(((10_u16 << 11) | (11 << 5) | 6).to_le_bytes());
        bytes.extend(((44_u16 << 9) | (2 << 5) | 29).to_le_bytes());
        bytes.extend(0x1234_5678_u32.to_le_bytes());
        bytes.extend(5_u32.to_le_bytes());
        bytes.extend(7_u32.to_le_bytes());
        bytes.extend(3_u16.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend((0o100_755_u32 << 16).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(b"a/b");
        let end = bytes.len();
        bytes.extend(END);
        bytes.extend([0; 8]);
        bytes.extend(u32::try_from(end - start).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(start).unwrap().to_le_bytes());
        bytes.extend([0; 2]);
        let expected = Member {
            name: "a/b".to_owned(),
            size: 7,
            crc: 0x1234_5678,
            mode: Some(0o100_755),
            modified: "2024-02-29 10:11:12".to_owned(),
        };
        assert_eq!(members(&bytes), Some(vec![expected]));
        assert_eq!(members(b"nothing"), None);
    }
}
