//! `changed_when` and `failed_when`: what a task's own conditions make of its result.

use super::ended::Ended;
use super::host_task::HostTask;
use crate::event::Status;
use crate::playbook::Spanned;
use crate::template::{Condition, Templar};
use crate::value::{Key, Value};

impl HostTask<'_> {
    /// `changed_when` and `failed_when`.
    pub(super) fn judge(&self, templar: &Templar, mut ended: Ended) -> Result<Ended, Box<Ended>> {
        if ended.status == Status::Skipped {
            return Ok(ended);
        }
        // All must hold. What cannot be evaluated fails the task, which keeps its result.
        let verdict = |ended: &Ended, conditions: &[Spanned<Value>], name: &str| {
            let mut verdict = None;
            for condition in conditions {
                match templar.condition(condition) {
                    Ok(Condition::True) => verdict = Some(Condition::True),
                    Ok(other) => return Ok(Some(other)),
                    Err(error) => {
                        let place = condition.span.as_ref().or(self.task.span.as_ref());
                        let failed = Ended::from_error(&error, place, "");
                        let mut ended = ended.clone();
                        ended.status = Status::Failed;
                        ended.result.insert(Key::from("failed"), Value::Bool(true));
                        ended.result.insert(Key::from(name), Value::from(error.message.as_str()));
                        ended
                            .result
                            .extend(failed.result.get_key_value("exception").map(|(k, v)| (k.clone(), v.clone())));
                        return Err(Box::new(ended));
                    }
                }
            }
            Ok(verdict)
        };
        let changed = verdict(&ended, &self.task.changed_when, "changed_when_result")?;
        let failed = verdict(&ended, &self.task.failed_when, "failed_when_result")?;
        if ended.status == Status::Unknown {
            // Known in advance after all: a task that says it never changes anything is no change in a plan either.
            if matches!(changed, Some(Condition::False)) {
                ended.status = Status::Ok;
                ended.result.insert(Key::from("changed"), Value::Bool(false));
            }
            return Ok(ended);
        }
        if let Some(changed) = changed {
            ended.result.insert(Key::from("changed"), Value::Bool(matches!(changed, Condition::True)));
        }
        match failed {
            Some(Condition::True) => {
                ended.result.insert(Key::from("failed"), Value::Bool(true));
                ended.result.insert(Key::from("failed_when_result"), Value::Bool(true));
                ended.status = Status::Failed;
            }
            Some(_) => {
                if ended.status == Status::Failed {
                    let told = ended.result.shift_remove("exception");
                    let told = told.unwrap_or_else(|| Value::from("(traceback unavailable)"));
                    ended.result.insert(Key::from("failed_when_suppressed_exception"), told);
                }
                ended.result.insert(Key::from("failed"), Value::Bool(false));
                ended.result.insert(Key::from("failed_when_result"), Value::Bool(false));
                ended.status = Status::Ok;
            }
            None => {}
        }
        if ended.status != Status::Failed {
            ended.status = if ended.is_changed() { Status::Changed } else { Status::Ok };
        }
        Ok(ended)
    }
}
