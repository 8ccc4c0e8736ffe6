//! What is done when time is up and before the first signal: the snapshot and the hook; and how it is
//! found out that nothing happens any more.

use std::time::{Duration, Instant};

use super::{RunError, Saying, Supervisor};
use crate::hook::Hook;
use crate::policy::{Cause, Event};
use crate::record::HookRecord;
use crate::report::text::{self, Wording};

impl Supervisor<'_> {
    pub(super) fn take_snapshot(&mut self) {
        let snapshot = self.job.snapshot();
        if self.plan.wording == Wording::Own
            && let Some(cause) = self.machine.outcome().cause
        {
            let mut reason = text::reason(cause, &self.plan.policy, self.time_up);
            if self.machine.outcome().after_exit {
                reason.insert_str(0, "has ended; what it left ");
            }
            let palette = self.console.palette();
            let lines = text::snapshot(&self.plan.command, &reason, &snapshot, palette);
            self.to_say.push(Saying::Notice(lines));
        }
        self.snapshot = Some(snapshot);
    }

    pub(super) fn run_hook(&mut self, cause: Cause) {
        let Some(command) = &self.plan.hook else { return };
        let (leader, group) = (self.job.leader_pid(), self.job.group());
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

    /// Sees whether the hook has ended.
    pub(super) fn look_after_hook(&mut self) {
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
        }
    }

    fn hook_ended(&mut self, record: HookRecord) {
        self.note_hook(record);
        self.happened(Event::HookEnded);
    }

    fn note_hook(&mut self, record: HookRecord) {
        self.job.except_hook(None);
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
        let (sample, reaped) = self.job.sample();
        if watch.is_idle(now, sample, reaped) {
            self.happened(Event::Idle);
        }
    }
}
