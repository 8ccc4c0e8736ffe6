//! The report as one line of JSON. `schema/report.schema.json` describes it.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::words::is_printable;
use crate::policy::{Cause, Policy};
use crate::procfs::Pid;
use crate::procfs::sockets::Sockets;
use crate::procfs::stat::UNKNOWN_STATE;
use crate::record::{Membership, Process, Recipient, Record, Sent};
use crate::redact::redact;
use crate::signal::Received;
use crate::status::Usage;
use crate::status::{ExitStatus, WaitStatus};

/// What becomes a report.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The command and its arguments.
    pub command: &'a [OsString],
    /// What was asked for.
    pub policy: &'a Policy,
    /// When we began.
    pub started: SystemTime,
    /// What happened; `None` where nothing was started.
    pub record: Option<&'a Record>,
    /// What we return.
    pub exit_status: ExitStatus,
}

/// The greatest whole number that every reader of JSON can hold.
const MOST: u128 = (1 << 53) - 1;

/// What is not found out by this version is null or empty: a reader can rely on every key.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    command: Vec<String>,
    pid: Option<Pid>,
    pgid: Option<Pid>,
    started: String,
    elapsed_ms: u64,
    limit_ms: Option<u64>,
    idle_limit_ms: Option<u64>,
    outcome: &'static str,
    exit_status: u8,
    command_status: Option<CommandStatus>,
    signals_sent: Vec<SignalSent>,
    signals_received: Vec<SignalReceived>,
    usage: Option<UsageReport>,
    oom_kills: (),
    hook: Option<HookReport>,
    snapshot: Vec<ProcessReport<'a>>,
    snapshot_complete: bool,
    lingering: Option<Vec<ProcessReport<'a>>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CommandStatus {
    Exited { code: u8 },
    Signaled { signal: String, core_dumped: bool },
}

#[derive(Serialize)]
struct SignalSent {
    at_ms: u64,
    signal: String,
    target: &'static str,
    pid: Pid,
}

#[derive(Serialize)]
struct SignalReceived {
    at_ms: u64,
    signal: String,
    sender_pid: Pid,
    sender_uid: u32,
}

#[derive(Serialize)]
struct HookReport {
    status: Option<u8>,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct UsageReport {
    user_ms: u64,
    system_ms: u64,
    max_rss_kib: i64,
}

#[derive(Serialize)]
struct ProcessReport<'a> {
    pid: Pid,
    ppid: Pid,
    pgid: Pid,
    sid: Pid,
    uid: Option<u32>,
    state: Option<char>,
    age_ms: Option<u64>,
    name: Option<&'a str>,
    command: Option<&'a [String]>,
    threads: Option<u32>,
    wait: Option<&'a str>,
    in_group: bool,
    holds: Option<Vec<&'static str>>,
    sockets: Option<&'a [Sockets]>,
}

/// The report, with the newline that ends it.
pub fn line(run: &Run<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut line, PlainFormatter);
    // Writing to memory does not fail, and every key is text.
    let _ = report(run).serialize(&mut serializer);
    line.push(b'\n');
    line
}

/// JSON of one line whatever a reader takes for the end of one, and without anything that moves a
/// terminal's cursor: the standard escapes the ASCII control characters only.
struct PlainFormatter;

impl Formatter for PlainFormatter {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if is_printable(character) {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

fn report<'a>(run: &Run<'a>) -> Report<'a> {
    let Run { record, started, .. } = *run;
    let since = |at: Instant| {
        record.map_or(0, |record| milliseconds(at.saturating_duration_since(record.started)))
    };
    let sent = record.map_or(&[][..], |record| &record.sent);
    let snapshot = record.and_then(|record| record.snapshot.as_ref());
    let received = record.map_or(&[][..], |record| &record.received);
    Report {
        version: 1,
        command: run.command.iter().map(|word| shown(word)).collect(),
        pid: record.map(|record| record.pid),
        pgid: record.map(|record| record.pgid),
        started: humantime::format_rfc3339_millis(started).to_string(),
        elapsed_ms: record.map_or(0, |record| milliseconds(record.elapsed)),
        limit_ms: run.policy.limit.and_then(limit),
        idle_limit_ms: run.policy.idle.and_then(limit),
        outcome: outcome(record),
        exit_status: run.exit_status.code(),
        command_status: record.and_then(|record| command_status(record.outcome.leader?)),
        signals_sent: sent.iter().filter_map(|sent| signal_sent(sent, since(sent.at))).collect(),
        signals_received: received
            .iter()
            .map(|received| signal_received(received, since(received.at)))
            .collect(),
        usage: record.map(|record| usage(&record.usage)),
        oom_kills: (),
        hook: record
            .and_then(|record| record.hook)
            .map(|hook| HookReport { status: hook.status, elapsed_ms: milliseconds(hook.elapsed) }),
        snapshot: snapshot.map_or_else(Vec::new, |snapshot| {
            snapshot.processes.iter().map(process_report).collect()
        }),
        snapshot_complete: snapshot.is_none_or(|snapshot| snapshot.complete),
        lingering: record.map_or_else(|| Some(vec![]), lingering),
    }
}

/// Text from outside; JSON escapes what is not printable.
fn shown(word: &OsStr) -> String {
    redact(word).to_string_lossy().into_owned()
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().min(MOST) as u64
}

/// A limit is never shown as none, however short it is; one past the end of time is none.
fn limit(limit: Duration) -> Option<u64> {
    (limit != Duration::MAX).then(|| milliseconds(limit).max(1))
}

fn outcome(record: Option<&Record>) -> &'static str {
    let Some(record) = record else { return "not-started" };
    match (record.outcome.cause, record.outcome.leader) {
        (Some(Cause::Limit), _) => "timed-out",
        (Some(Cause::Idle), _) => "idle",
        (Some(Cause::Received(_)), _) => "interrupted",
        (_, Some(WaitStatus::Signaled { .. })) => "signaled",
        _ => "exited",
    }
}

fn command_status(status: WaitStatus) -> Option<CommandStatus> {
    match status {
        WaitStatus::Exited(code) => Some(CommandStatus::Exited { code }),
        WaitStatus::Signaled { signal, core_dumped } => {
            Some(CommandStatus::Signaled { signal: signal.to_string(), core_dumped })
        }
        WaitStatus::Lost => None,
    }
}

fn signal_sent(sent: &Sent, at_ms: u64) -> Option<SignalSent> {
    let target = match sent.to {
        Recipient::Group => "group",
        Recipient::Leader => "leader",
        Recipient::Process => "process",
    };
    let signal = sent.signal.to_string();
    sent.error.is_none().then_some(SignalSent { at_ms, signal, target, pid: sent.pid })
}

fn signal_received(received: &Received, at_ms: u64) -> SignalReceived {
    let Received { signal, pid, uid, .. } = received;
    SignalReceived { at_ms, signal: signal.to_string(), sender_pid: *pid, sender_uid: *uid }
}

fn usage(usage: &Usage) -> UsageReport {
    let Usage { user, system, max_rss_kib } = *usage;
    UsageReport { user_ms: milliseconds(user), system_ms: milliseconds(system), max_rss_kib }
}

/// Who lingered, and whom KILL did not end, nobody twice; `None` where they could not be seen.
fn lingering(record: &Record) -> Option<Vec<ProcessReport<'_>>> {
    let identity = |process: &Process| (process.stat.pid, process.stat.start);
    let lingering: HashSet<_> = record.lingering.iter().map(identity).collect();
    let survivors =
        record.survivors.iter().filter(|process| !lingering.contains(&identity(process)));
    let all: Vec<_> = record.lingering.iter().chain(survivors).map(process_report).collect();
    (!all.is_empty() || !record.left_unseen).then_some(all)
}

fn process_report(process: &Process) -> ProcessReport<'_> {
    let Process { stat, age, membership, detail, .. } = process;
    let is_known = stat.state != UNKNOWN_STATE;
    ProcessReport {
        pid: stat.pid,
        ppid: stat.ppid,
        pgid: stat.pgid,
        sid: stat.session,
        uid: detail.uid,
        state: is_known.then_some(stat.state),
        age_ms: age.map(milliseconds),
        name: is_known.then_some(&*stat.name),
        command: detail.command.as_deref(),
        threads: is_known.then_some(stat.threads),
        wait: detail.waits_in.as_deref(),
        in_group: *membership == Membership::Group,
        holds: detail.holds.as_ref().map(|holds| holds.iter().map(|held| held.name()).collect()),
        sockets: detail.sockets.as_deref(),
    }
}
