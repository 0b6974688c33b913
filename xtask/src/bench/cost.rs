//! What a process costs the processor, and how much it reads, by `/proc`
//! (proc_pid_stat(5), proc_pid_io(5)).

use std::time::Duration;

/// What one tick is: the kernel tells user space of hundredths of a second
/// whatever it counts in (USER_HZ, include/asm-generic/param.h).
const TICK: Duration = Duration::from_millis(10);

/// The fields of `utime` and `stime`, then of `cutime` and `cstime`, numbered
/// as in the manual page.
const OWN: [usize; 2] = [14, 15];
const CHILDREN: [usize; 2] = [16, 17];

/// Returns what this process's children have cost that have ended; `None`
/// where `/proc` does not say.
pub(crate) fn of_children() -> Option<Duration> {
    ticks(&read("self")?, &CHILDREN)
}

/// Returns what a process and its ended children have cost so far.
pub(super) fn of(process: u32) -> Option<Duration> {
    ticks(&read(&process.to_string())?, &[OWN, CHILDREN].concat())
}

/// Returns what this process itself has cost so far.
pub(crate) fn own() -> Option<Duration> {
    ticks(&read("self")?, &OWN)
}

/// Returns how many bytes this process and its ended children have read, from
/// wherever: the kernel adds those of a child when it is waited for.
pub(super) fn bytes_read() -> Option<u64> {
    let io = host::fs::read_to_string("/proc/self/io".as_ref()).ok()?;
    io.lines().find_map(|line| line.strip_prefix("rchar: "))?.trim().parse().ok()
}

fn read(process: &str) -> Option<String> {
    host::fs::read_to_string(format!("/proc/{process}/stat").as_ref()).ok()
}

fn ticks(stat: &str, fields: &[usize]) -> Option<Duration> {
    // The second field is the program's name, which may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let values: Vec<&str> = rest.split(' ').collect();
    let ticks: Option<u32> = fields.iter().map(|n| values.get(n - 3)?.parse::<u32>().ok()).sum();
    Some(TICK * ticks?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_manual() {
        let stat = "7 (a ) b) S 4 5 6 7 8 9 10 11 12 13 140 15 1600 17 18 19";
        assert_eq!(ticks(stat, &OWN), Some(Duration::from_millis(1550)));
        assert_eq!(ticks(stat, &CHILDREN), Some(Duration::from_millis(16_170)));
        for broken in ["", "7 (a) S 4", "7 (a) S 4 5 6 7 8 9 10 11 12 13 x y z 17"] {
            assert_eq!(ticks(broken, &OWN), None, "{broken}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn work_is_noticed() {
        let before = of_children().unwrap();
        let count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        host::Cmd::new("/bin/sh").args(["-c", count]).run().unwrap();
        let after = of_children().unwrap();
        assert!(after > before);
        assert!(of(std::process::id()).unwrap() >= after);
        assert_eq!(of(u32::MAX), None);
        assert!(of(std::process::id()).unwrap() >= own().unwrap());

        let before = bytes_read().unwrap();
        host::Cmd::new("head").args(["-c", "3000000", "/dev/zero"]).run().unwrap();
        // Once by `head`, and once from it.
        assert!(bytes_read().unwrap() >= before + 6_000_000);
    }
}
