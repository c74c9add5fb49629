//! The user that tasks run as.

use super::{Facts, look::Look};
use serde_json::json;

pub(super) fn user(look: Look<'_>, facts: &mut Facts) {
    let status = look.raw("/proc/self/status");
    let ids = |label: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
        line.split_whitespace().filter_map(|id| id.parse().ok()).collect()
    };
    let effective = look.0.effective_uid();
    let (uids, gids) = (ids("Uid:"), ids("Gid:"));
    let real_uid = uids.first().copied().unwrap_or(effective);
    if let Some(entry) = entry(look, real_uid) {
        facts.insert("user_id".into(), json!(entry[0]));
        facts.insert("user_uid".into(), json!(entry[2].parse::<u32>().ok()));
        facts.insert("user_gid".into(), json!(entry[3].parse::<u32>().ok()));
        facts.insert("user_gecos".into(), json!(entry[4]));
        facts.insert("user_dir".into(), json!(entry[5]));
        facts.insert("user_shell".into(), json!(entry[6]));
    }
    facts.insert("real_user_id".into(), json!(real_uid));
    facts.insert("effective_user_id".into(), json!(effective));
    if let Some(gid) = gids.first() {
        facts.insert("real_group_id".into(), json!(gid));
        facts.insert("effective_group_id".into(), json!(gids.get(1).unwrap_or(gid)));
    }
}

/// The seven fields of the passwd entry of `uid`, asked of other databases where the file has none.
fn entry(look: Look<'_>, uid: u32) -> Option<[String; 7]> {
    let fields = |line: &str| -> Option<[String; 7]> {
        let fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields.try_into().ok()).flatten()
    };
    look.raw("/etc/passwd").lines().find_map(fields).or_else(|| {
        let answer = look.answer("getent", &["passwd", &uid.to_string()])?;
        answer.lines().find_map(fields)
    })
}
