//! Jobs of many processes, all of which ignore TERM.

use std::time::{Duration, Instant};

use crate::Extent;
use crate::measure::{Spread, milliseconds};
use crate::process::{Running, ours, own_path};
use crate::role::{LEAST, MEMBERS};
use crate::table::{Bound, Table};

/// Between two signals: the same one counts as another one from 200 ms on.
const PAUSE: Duration = Duration::from_millis(250);

/// Adds the rows, by the number of members.
pub fn measure(extent: Extent, table: &mut Table) {
    let sizes: &[(usize, usize, Bound)] = match extent {
        Extent::Full => &[
            (10, 30, Bound::None),
            (100, 20, Bound::None),
            (1000, 11, Bound::Ratio(1.3)),
            (10_000, 5, Bound::Ratio(1.3)),
        ],
        Extent::Quick => &[(10, 2, Bound::None), (100, 1, Bound::None)],
    };
    Table::heading("members that ignore TERM (reference: the least that can do it)");
    for (count, rounds, bound) in sizes {
        let mut kills: [Vec<Duration>; 2] = Default::default();
        let (mut looks, mut alarms) = (vec![], vec![]);
        for _ in 0..*rounds {
            let (look, kill) = escalate(*count);
            looks.push(milliseconds(look));
            kills[0].push(kill);
            kills[1].push(least(*count));
            alarms.push(with_snapshot(*count));
        }
        let [ours, least] = kills.map(Spread::of_times);
        table.add(&format!("{count}: from KILL to our exit"), ours, Some(least), *bound);
        table.add(&format!("{count}: TERM, a look, own cpu"), Spread::of(looks), None, Bound::None);
        let alarms = Spread::of_times(alarms);
        table.add(&format!("{count}: the same as a limit"), alarms, Some(least), Bound::None);
    }
}

/// What TERM to them costs us, with the look for those whom the group's signal has missed; and how
/// long it takes from KILL to our exit.
fn escalate(count: usize) -> (Duration, Duration) {
    let (program, count) = (own_path(), count.to_string());
    let running = Running::start_ready(&[
        ours(),
        "--quiet",
        "--escalate=TERM/10m/KILL",
        "0",
        &program,
        MEMBERS,
        &count,
    ]);
    running.until_quiet();
    let before = running.cpu();
    running.signal(libc::SIGTERM);
    std::thread::sleep(PAUSE);
    running.until_quiet();
    let look = running.cpu().saturating_sub(before);
    let begun = Instant::now();
    running.signal(libc::SIGTERM);
    (look, running.wait().at - begun)
}

/// The same, by a program that only kills the group and reaps.
fn least(count: usize) -> Duration {
    let running = Running::start_ready(&[&own_path(), LEAST, &count.to_string()]);
    running.until_quiet();
    running.signal(libc::SIGTERM);
    std::thread::sleep(PAUSE);
    running.until_quiet();
    let begun = Instant::now();
    running.signal(libc::SIGTERM);
    running.wait().at - begun
}

/// From a limit that has KILL only to our exit, where what was running is shown before.
fn with_snapshot(count: usize) -> Duration {
    let (program, count) = (own_path(), count.to_string());
    let running =
        Running::start_ready(&[ours(), "--signal=KILL", "600", &program, MEMBERS, &count]);
    running.until_quiet();
    let begun = Instant::now();
    running.signal(libc::SIGALRM);
    running.wait().at - begun
}
