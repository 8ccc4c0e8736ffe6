//! What is done when time is up and before the first signal: the snapshot and the hook; and how it is
//! found out that nothing happens any more.

use std::time::{Duration, Instant};

use super::{RunError, Saying, Supervisor};
use crate::hook::Hook;
use crate::job::Sampled;
use crate::policy::{Cause, Event};
use crate::record::HookRecord;
use crate::report::text::{self, Wording};

/// What the user must know where nobody can be watched.
const IDLE_BLIND: &str =
    "cannot see the command in /proc: --idle cannot tell whether anything happens";

impl Supervisor<'_> {
    pub(super) fn take_snapshot(&mut self) {
        self.snapshot = Some(self.job.snapshot());
        if self.plan.wording == Wording::Own
            && let Some(cause) = self.machine.outcome().cause
        {
            let mut reason = text::reason(cause, &self.plan.policy, self.time_up);
            if self.machine.outcome().after_exit {
                reason.insert_str(0, "has ended; what it left ");
            }
            self.to_say.push(Saying::Snapshot(reason));
        }
    }

    pub(super) fn run_hook(&mut self, cause: Cause) {
        let Some(command) = &self.plan.hook else { return };
        let (leader, group) = (self.job.leader_pid(), self.job.group());
        let group = (group == leader).then_some(group);
        match Hook::start(command, cause, leader, group, &self.job.pids(), self.inherited) {
            Ok(hook) => {
                self.job.except_hook(Some(hook.pid()));
                self.hook = Some(hook);
            }
            Err(error) => {
                let error = RunError::from(error);
                self.to_say.push(Saying::Error(text::hook_error(command, &error.to_string())));
                self.hook_ended(HookRecord {
                    status: None,
                    elapsed: Duration::ZERO,
                    timed_out: false,
                });
            }
        }
    }

    /// Sees whether the hook has ended; and whether all is gone of one that was killed, for as long as
    /// we keep it not every child of ours is of the job, and orphans are reaped slowly.
    pub(super) fn look_after_hook(&mut self) {
        if self.killed_hook.as_ref().is_some_and(Hook::has_gone) {
            self.bury_hook();
        }
        match self.hook.take().map(Hook::exit) {
            Some(Ok(record)) => self.hook_ended(record),
            Some(Err(hook)) => self.hook = Some(hook),
            None => {}
        }
    }

    pub(super) fn kill_hook(&mut self) {
        if let Some(hook) = self.hook.take() {
            let record = hook.kill();
            self.note_hook(record);
            self.killed_hook = Some(hook);
        }
    }

    /// What there still is of a killed hook is none of the job's, up to the end.
    pub(super) fn bury_hook(&mut self) {
        if let Some(hook) = self.killed_hook.take() {
            hook.bury();
        }
        self.job.except_hook(None);
    }

    fn hook_ended(&mut self, record: HookRecord) {
        self.job.except_hook(None);
        self.note_hook(record);
        self.happened(Event::HookEnded);
    }

    fn note_hook(&mut self, record: HookRecord) {
        self.hook_record = Some(record);
        if let Some(command) = &self.plan.hook
            && let Some(line) = text::hook(command, &record)
        {
            self.to_say.push(Saying::Error(line));
        }
    }

    /// Takes a sample when it is time for one.
    pub(super) fn watch_for_idleness(&mut self) {
        let now = Instant::now();
        let Some(watch) = self.idle.as_mut().filter(|watch| watch.next_at() <= now) else { return };
        if !self.machine.may_be_idle() {
            return;
        }
        let (sampled, reaped) = (self.job.sample(), self.job.take_reaped());
        let sample = match sampled {
            Sampled::Done(sample) => Some(sample),
            Sampled::Late => None,
            Sampled::Hidden => {
                if !std::mem::replace(&mut self.blind, true) {
                    self.to_say.push(Saying::Error(IDLE_BLIND.to_owned()));
                }
                None
            }
        };
        if watch.is_idle(now, sample, reaped) {
            self.happened(Event::Idle);
        }
    }
}
