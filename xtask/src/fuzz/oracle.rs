//! A Python process with ansible-core that evaluates expressions.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

const SCRIPT: &str = include_str!("oracle.py");

/// What an expression came to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Python's `repr` of the value.
    Ok(String),
    /// Why there is none.
    Error(String),
}

/// Evaluates all `expressions` with these variables, in order.
pub fn answers(python: &Path, variables: &Value, expressions: &[String]) -> Result<Vec<Answer>> {
    let mut child = Command::new(python)
        .args(["-W", "ignore", "-c", SCRIPT])
        .env("ANSIBLE_DEPRECATION_WARNINGS", "false")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to start {}", python.display()))?;
    let result = converse(&mut child, variables, expressions);
    child.wait().context("failed to wait for ansible-core")?;
    result
}

fn converse(child: &mut Child, variables: &Value, expressions: &[String]) -> Result<Vec<Answer>> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        bail!("failed to talk to ansible-core");
    };
    thread::scope(|scope| {
        let writer = scope.spawn(move || -> std::io::Result<()> {
            writeln!(input, "{variables}")?;
            expressions.iter().try_for_each(|expression| writeln!(input, "{}", Value::from(expression.as_str())))
        });
        let answers = read(output, expressions);
        let _ = writer.join();
        answers
    })
}

fn read(output: ChildStdout, expressions: &[String]) -> Result<Vec<Answer>> {
    let answers: Vec<Answer> = BufReader::new(output)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_>>()
        .context("failed to read what ansible-core says")?;
    match expressions.get(answers.len()) {
        Some(next) => bail!("ansible-core stopped at `{next}`; has {} a Python with ansible-core?", "--python"),
        None => Ok(answers),
    }
}
