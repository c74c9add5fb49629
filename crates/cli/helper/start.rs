//! What a packed helper begins with: unpacks the program behind it into memory, and becomes it.
//!
//! It is the build script's ([`pack.rs`](pack.rs)) counterpart and compiled by it, alone: no standard library, no
//! libc, no allocation, since what is saved by packing must not be lost here. For the program it is as if the kernel
//! had loaded it: same process, same arguments, same `/proc/self/exe`.
//!
//! Where it is told that it was kept, it leaves the unpacked program in its own place, for the kernel to load next time.
#![no_std]
#![no_main]
// Copying loops must stay loops: there is no `memcpy` that they could become.
#![no_builtins]

use core::arch::{asm, global_asm};
use core::hint::black_box;
use core::mem::MaybeUninit;

/// Numbers of eight bytes each (see [`Header`]), the LZ4 block, and zeros that may be read but mean nothing.
static PACKED: [u8; include_bytes!(env!("HOSTLER_PACKED")).len()] = *include_bytes!(env!("HOSTLER_PACKED"));

/// In this order, before `protections` times a segment's beginning, length and protection.
#[repr(C)]
struct Header {
    /// Of the packed program.
    size: u64,
    /// How much of the memory is in a file.
    file: usize,
    /// Where the program wants to be, and how much memory it takes there.
    base: usize,
    memory: usize,
    /// Where it begins.
    entry: usize,
    /// Where its program headers are in memory, and how many.
    headers: usize,
    header_count: usize,
    /// Length of the LZ4 block.
    packed: usize,
    protections: usize,
}

// The kernel's stack pointer is what everything starts from. The program gets it unchanged, and no function to call at
// its end.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "call {start}", "xor edx, edx", "jmp rax", start = sym start);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start", "_start:", "mov x0, sp", "bl {start}", "mov x16, x0", "mov x0, #0", "br x16", start = sym start
);

#[cfg(target_arch = "x86_64")]
mod call {
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const MMAP: usize = 9;
    pub const MPROTECT: usize = 10;
    pub const GETPID: usize = 39;
    pub const EXIT: usize = 231;
    pub const OPENAT: usize = 257;
    pub const UNLINKAT: usize = 263;
    pub const RENAMEAT2: usize = 316;
}
#[cfg(target_arch = "aarch64")]
mod call {
    pub const UNLINKAT: usize = 35;
    pub const OPENAT: usize = 56;
    pub const CLOSE: usize = 57;
    pub const WRITE: usize = 64;
    pub const EXIT: usize = 94;
    pub const GETPID: usize = 172;
    pub const MMAP: usize = 222;
    pub const MPROTECT: usize = 226;
    pub const RENAMEAT2: usize = 276;
}

/// A system call; what it answers.
unsafe fn system(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let answer;
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _);
    }
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a => answer, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            in("x5") f);
    }
    answer
}

const READ_WRITE: usize = 3;
/// Private, at exactly that place, without a file, and with its pages there at once.
const MAP: usize = 0x2 | 0x10 | 0x20 | 0x8000;

/// Unpacks the program, tells it where it is, and returns where it begins.
unsafe extern "C" fn start(stack: *mut usize) -> usize {
    unsafe {
        // Its size is put there behind the compiler's back.
        let header = &black_box(PACKED.as_ptr()).cast::<Header>().read_unaligned();
        let nowhere = usize::MAX;
        if system(call::MMAP, [header.base, header.memory, READ_WRITE, MAP, nowhere, 0]) != header.base as isize {
            fail();
        }
        let mut segment = PACKED.as_ptr().add(size_of::<Header>()).cast::<[usize; 3]>();
        let block = segment.add(header.protections).cast::<u8>();
        unpack(block, block.add(header.packed), header.base as *mut u8);
        keep(stack, header);
        for _ in 0..header.protections {
            let [begin, length, protection] = segment.read_unaligned();
            if system(call::MPROTECT, [begin, length, protection, 0, 0, 0]) != 0 {
                fail();
            }
            segment = segment.add(1);
        }
        tell(stack, header);
        header.entry
    }
}

/// The longest path of a kept helper.
const PATH: usize = 4000;
/// What an unpacked file ends with, before the size of the packed one.
const MARK: u64 = u64::from_le_bytes(*b"unpacked");

/// If the first argument is `kept`, the program's file, which is its name, becomes the unpacked one. It need not succeed.
unsafe fn keep(stack: *const usize, header: &Header) {
    const HERE: usize = -100_isize as usize;
    const CREATE_TO_WRITE: usize = 0o1 | 0o100 | 0o200 | 0o2000000;
    let mut path = MaybeUninit::<[u8; PATH + 32]>::uninit();
    unsafe {
        if *stack < 2 || !is_kept(*stack.add(2) as *const u8) {
            return;
        }
        let name = *stack.add(1) as *const u8;
        let temporary = path.as_mut_ptr().cast::<u8>();
        let mut length = 0;
        while *name.add(length) != 0 {
            if length == PATH {
                return;
            }
            *temporary.add(length) = *name.add(length);
            length += 1;
        }
        *temporary.add(length) = b'.';
        let mut process = system(call::GETPID, [0; 6]);
        while process > 0 {
            length += 1;
            *temporary.add(length) = b'0' + (process % 10) as u8;
            process /= 10;
        }
        *temporary.add(length + 1) = 0;
        let (temporary, name) = (temporary as usize, name as usize);
        let file = system(call::OPENAT, [HERE, temporary, CREATE_TO_WRITE, 0o700, 0, 0]);
        if file < 0 {
            return;
        }
        let end = [MARK, header.size];
        let whole = write(file, header.base as *const u8, header.file) && write(file, end.as_ptr().cast(), size_of_val(&end));
        system(call::CLOSE, [file as usize, 0, 0, 0, 0, 0]);
        if !whole || system(call::RENAMEAT2, [HERE, temporary, HERE, name, 0, 0]) != 0 {
            system(call::UNLINKAT, [HERE, temporary, 0, 0, 0, 0]);
        }
    }
}

unsafe fn is_kept(mut argument: *const u8) -> bool {
    for byte in *b"kept\0" {
        if unsafe { *argument } != byte {
            return false;
        }
        argument = unsafe { argument.add(1) };
    }
    true
}

/// Whether all bytes were written.
unsafe fn write(file: isize, mut from: *const u8, mut length: usize) -> bool {
    while length > 0 {
        let written = unsafe { system(call::WRITE, [file as usize, from as usize, length, 0, 0, 0]) };
        if written <= 0 {
            return false;
        }
        from = unsafe { from.add(written as usize) };
        length -= written as usize;
    }
    true
}

/// Puts the program's own headers into the table that the kernel leaves above arguments and environment: its libc finds
/// its thread-local storage by them.
unsafe fn tell(stack: *mut usize, header: &Header) {
    const HEADERS: usize = 3;
    const HEADER_COUNT: usize = 5;
    const ENTRY: usize = 9;
    unsafe {
        let mut at = stack.add(1 + *stack + 1);
        while *at != 0 {
            at = at.add(1);
        }
        at = at.add(1);
        while *at != 0 {
            match *at {
                HEADERS => *at.add(1) = header.headers,
                HEADER_COUNT => *at.add(1) = header.header_count,
                ENTRY => *at.add(1) = header.entry,
                _ => {}
            }
            at = at.add(2);
        }
    }
}

/// An LZ4 block. It is our own, and its hash is known: nothing is checked.
unsafe fn unpack(mut from: *const u8, end: *const u8, mut to: *mut u8) {
    unsafe {
        loop {
            let token = usize::from(*from);
            from = from.add(1);
            let literals = length(token >> 4, &mut from);
            copy(from, to, literals);
            from = from.add(literals);
            to = to.add(literals);
            if from >= end {
                return;
            }
            let source = to.sub(usize::from(from.cast::<u16>().read_unaligned().to_le()));
            from = from.add(2);
            let repeated = length(token & 15, &mut from) + 4;
            if source.add(16) <= to {
                copy(source, to, repeated);
            } else {
                for at in 0..repeated {
                    *to.add(at) = *source.add(at);
                }
            }
            to = to.add(repeated);
        }
    }
}

/// A length that does not fit into four bits goes on in whole bytes.
unsafe fn length(mut length: usize, from: &mut *const u8) -> usize {
    if length == 15 {
        loop {
            let more = unsafe { **from };
            *from = unsafe { from.add(1) };
            length += usize::from(more);
            if more != 255 {
                break;
            }
        }
    }
    length
}

/// Copies sixteen bytes at once, up to fifteen too many: what follows writes over them, or they are zero.
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    let mut done = 0;
    while done < length {
        unsafe { to.add(done).cast::<u128>().write_unaligned(from.add(done).cast::<u128>().read_unaligned()) };
        done += 16;
    }
}

fn fail() -> ! {
    const MESSAGE: &[u8] = b"the kernel gives the helper no memory to unpack itself\n";
    unsafe {
        system(call::WRITE, [2, MESSAGE.as_ptr() as usize, MESSAGE.len(), 0, 0, 0]);
        loop {
            system(call::EXIT, [1, 0, 0, 0, 0, 0]);
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    fail()
}
