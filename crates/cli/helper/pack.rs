//! Packs a static program: its segments as they are in memory, compressed, behind a start that unpacks them there.
//!
//! LZ4, since unpacking takes milliseconds, where better compression takes ten times as long. What is unpacked is a
//! program file as well: where a helper is started a second time, it is put in the packed one's place.

use elf::ElfBytes;
use elf::abi::{PF_R, PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;
use lz4::block::{CompressionMode, compress};
use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes that unpacking may read or write beyond the end.
const SLACK: usize = 64;
/// Stands where the packed program's size belongs, which is known when it is linked.
const SIZE: u64 = 0x5348_6f73_7446_4c65;

/// Whether `start.rs` knows the target's system calls.
pub fn can(target: &str) -> bool {
    ["x86_64-", "aarch64-"].iter().any(|architecture| target.starts_with(architecture))
}

/// Packs `program` for `target` into `output`, with `folder` for what comes up on the way.
pub fn pack(program: &Path, output: &Path, target: &str, folder: &Path) -> Result<(), String> {
    let bytes = std::fs::read(program).map_err(|error| format!("{}: {error}", program.display()))?;
    let packed = folder.join("packed");
    std::fs::write(&packed, image(&bytes, page(target))?).map_err(|error| format!("{}: {error}", packed.display()))?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("helper/start.rs");
    let status = Command::new(rustc)
        .arg(start)
        .args(["--crate-name=helper", "--crate-type=bin", "--edition=2024", "--target", target])
        .args(["-Copt-level=3", "-Cpanic=abort", "-Cstrip=symbols", "-Ctarget-feature=+crt-static"])
        // Anywhere but where the program wants to be.
        .arg("-Crelocation-model=pie")
        .args(["-Clink-arg=-nostartfiles", "-Clink-arg=-nostdlib"])
        .env("HOSTLER_PACKED", &packed)
        .arg("-o")
        .arg(output)
        .status()
        .map_err(|error| format!("failed to start rustc: {error}"))?;
    if !status.success() {
        return Err(format!("rustc: {status}"));
    }
    tell_size(output)?;
    starts(output)
}

/// Puts the size of the packed program where its header has a place for it.
fn tell_size(output: &Path) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", output.display());
    let mut bytes = std::fs::read(output).map_err(failed)?;
    let size = bytes.len() as u64;
    let place =
        bytes.windows(8).position(|window| window == SIZE.to_le_bytes()).ok_or("there is no place for its size")?;
    bytes[place..place + 8].copy_from_slice(&size.to_le_bytes());
    std::fs::write(output, bytes).map_err(failed)
}

/// Protections are set for whole pages. Some aarch64 kernels have large ones: linkers keep segments as far apart.
fn page(target: &str) -> u64 {
    if target.starts_with("aarch64") { 0x1_0000 } else { 0x1000 }
}

/// The header that `start.rs` reads, and the compressed memory.
fn image(program: &[u8], page: u64) -> Result<Vec<u8>, String> {
    let invalid = |error| format!("not a program: {error}");
    let file = ElfBytes::<LittleEndian>::minimal_parse(program).map_err(invalid)?;
    let all: Vec<ProgramHeader> = file.segments().into_iter().flatten().collect();
    let loaded: Vec<&ProgramHeader> = all.iter().filter(|segment| segment.p_type == PT_LOAD).collect();
    let (Some(first), Some(last)) = (loaded.first(), loaded.last()) else { return Err("no segments".to_owned()) };
    let base = first.p_vaddr / page * page;
    if file.ehdr.e_type != elf::abi::ET_EXEC || first.p_offset != 0 {
        return Err("not a static program for a fixed place".to_owned());
    }
    let mut memory = vec![0; (last.p_vaddr + last.p_filesz - base) as usize + SLACK];
    let mut protections = Vec::new();
    for segment in &loaded {
        let (from, to, length) =
            (segment.p_offset as usize, (segment.p_vaddr - base) as usize, segment.p_filesz as usize);
        memory[to..to + length].copy_from_slice(&program[from..from + length]);
        let begin = segment.p_vaddr / page * page;
        let end = (segment.p_vaddr + segment.p_memsz).next_multiple_of(page);
        let may = |flag: u32, protection: u64| if segment.p_flags & flag == 0 { 0 } else { protection };
        protections.push([begin, end - begin, may(PF_R, 1) | may(PF_W, 2) | may(PF_X, 4)]);
    }
    if protections.windows(2).any(|pair| pair[0][0] + pair[0][1] > pair[1][0]) {
        return Err("segments share a page".to_owned());
    }
    as_file(&mut memory, file.ehdr.e_phoff as usize, &all, base);
    let packed = compress(&memory, Some(CompressionMode::HIGHCOMPRESSION(12)), false)
        .map_err(|error| format!("failed to compress: {error}"))?;
    let end = (last.p_vaddr + last.p_memsz).max(base + memory.len() as u64);
    let header = [
        SIZE,
        memory.len() as u64,
        base,
        (end - base).next_multiple_of(page),
        file.ehdr.e_entry,
        first.p_vaddr + file.ehdr.e_phoff,
        all.len() as u64,
        packed.len() as u64,
        protections.len() as u64,
    ];
    let numbers = header.into_iter().chain(protections.into_iter().flatten());
    let mut bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    bytes.extend_from_slice(&packed);
    bytes.extend_from_slice(&[0; SLACK]);
    Ok(bytes)
}

/// Makes the program's memory a program file: each segment is where it is in memory, and there are no sections.
fn as_file(memory: &mut [u8], headers: usize, segments: &[ProgramHeader], base: u64) {
    // Places within `Elf64_Ehdr` and `Elf64_Phdr`.
    const SECTIONS: std::ops::Range<usize> = 40..48;
    const SECTION_COUNTS: std::ops::Range<usize> = 58..64;
    const HEADER: usize = 56;
    const OFFSET: usize = 8;
    const FILE_SIZE: usize = 32;
    memory[SECTIONS].fill(0);
    memory[SECTION_COUNTS].fill(0);
    let last = segments.iter().rposition(|segment| segment.p_type == PT_LOAD);
    let mut set = |place: usize, number: u64| memory[place..place + 8].copy_from_slice(&number.to_le_bytes());
    for (number, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.p_vaddr >= base) {
        let header = headers + number * HEADER;
        set(header + OFFSET, segment.p_vaddr - base);
        // The zeros that follow are in the file, but for those behind the last.
        if segment.p_type == PT_LOAD && Some(number) != last {
            set(header + FILE_SIZE, segment.p_memsz);
        }
    }
}

/// A helper that does not start would be noticed on hosts only: where this machine can run it, it says hello now, three
/// times, as it does where it is sent to: new, kept and becoming unpacked, and unpacked.
fn starts(helper: &Path) -> Result<(), String> {
    let target = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if target != std::env::consts::ARCH {
        return Ok(());
    }
    let failed = |error| format!("the packed helper: {error}");
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).map_err(failed);
    let kept = helper.with_extension("kept");
    std::fs::copy(helper, &kept).map_err(failed)?;
    let packed = size(helper)?;
    for (start, unpacked) in [("new", false), ("kept", true), ("kept", true)] {
        let output = Command::new(&kept).arg(start).stdin(Stdio::null()).output().map_err(failed)?;
        let hello = String::from_utf8_lossy(&output.stdout).contains(&format!("\"size\":{packed}}}"));
        if !output.status.success() || !hello || (size(&kept)? > packed) != unpacked {
            return Err(format!("the packed helper does not start as {start}: {output:?}"));
        }
    }
    std::fs::remove_file(&kept).map_err(failed)
}
