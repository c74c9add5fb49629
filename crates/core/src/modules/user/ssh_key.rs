//! A user's own SSH key, made by `ssh-keygen` on the host.

use super::{Args, Output};
use crate::module::ModuleError;
use crate::system::users::User;
use crate::system::{Command, Ownership, System, WriteFile};
use std::path::{Path, PathBuf};

/// The key's file for a user whose home is `home`.
fn file(args: &Args, home: &str, system: &dyn System) -> Result<PathBuf, ModuleError> {
    let name = match &args.ssh_key_file {
        Some(file) => file.text(system)?,
        None => format!(".ssh/id_{}", args.ssh_key_type.0),
    };
    // An absolute name stays itself.
    Ok(Path::new(home).join(name))
}

/// The file in which a key has to be made, if it has to.
pub(super) fn missing(args: &Args, home: &str, system: &dyn System) -> Result<Option<String>, ModuleError> {
    let file = file(args, home, system)?.to_string_lossy().into_owned();
    let there = system.exists(Path::new(&file))? || system.exists(Path::new(&format!("{file}.pub")))?;
    Ok((!there || args.force.0).then_some(file))
}

/// Makes the folder of a key, private.
pub(super) fn make_folder(file: &Path, owner: Ownership, system: &mut dyn System) -> Result<(), ModuleError> {
    let Some(folder) = file.parent() else { return Ok(()) };
    if !system.exists(folder)? {
        super::planned::make_parents(folder, system)?;
        system.create_dir(folder, 0o700)?;
        system.set_owner(folder, owner, false)?;
    }
    Ok(())
}

/// Makes the key.
pub(super) fn generate(args: &Args, user: &User, file: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    let owner = Ownership { uid: Some(user.uid), gid: Some(user.gid) };
    make_folder(file, owner, system)?;
    let public = PathBuf::from(format!("{}.pub", file.display()));
    for old in [file, &public] {
        if system.exists(old)? {
            system.remove(old)?;
        }
    }
    let comment = match &args.ssh_key_comment {
        Some(comment) => comment.0.clone(),
        None => format!("ansible-generated on {}", system.uname()?.nodename),
    };
    let path = file.to_string_lossy().into_owned();
    let bits = (args.ssh_key_bits.0 > 0).then(|| args.ssh_key_bits.0.to_string());
    let mut argv = vec!["ssh-keygen".to_owned(), "-q".to_owned(), "-t".to_owned(), args.ssh_key_type.0.clone()];
    argv.extend(bits.into_iter().flat_map(|bits| ["-b".to_owned(), bits]));
    argv.extend(["-C".to_owned(), comment, "-f".to_owned(), path.clone()]);
    let answer = match &args.ssh_key_passphrase {
        None => {
            argv.extend(["-N".to_owned(), String::new()]);
            system.run(&Command::new(argv))?
        }
        Some(passphrase) => {
            // Among the arguments every user of the machine could read it.
            let helper = PathBuf::from(format!("{path}.askpass"));
            let mut script = WriteFile::new("#!/bin/sh\nprintf '%s\\n' \"$HOSTLER_PASSPHRASE\"\n");
            script.mode = Some(0o700);
            system.write(&helper, &script)?;
            let command = Command::new(argv)
                .env("SSH_ASKPASS", helper.to_string_lossy())
                .env("SSH_ASKPASS_REQUIRE", "force")
                .env("HOSTLER_PASSPHRASE", passphrase.expose());
            let answer = system.run(&command);
            system.remove(&helper)?;
            answer?
        }
    };
    if !answer.success() {
        let error = ModuleError::new(format!("{}{}", answer.stdout_text(), answer.stderr_text()).trim());
        return Err(error.field("name", user.name.clone()).field("rc", answer.rc));
    }
    for made in [file, &public] {
        system.set_owner(made, owner, false)?;
    }
    Ok(())
}

/// What `register` gets about the key.
pub(super) fn describe(args: &Args, user: &User, output: &mut Output, system: &dyn System) -> Result<(), ModuleError> {
    let path = file(args, &user.home, system)?;
    let shown = path.to_string_lossy().into_owned();
    // A planned key has no content yet.
    let public = system.read_text(Path::new(&format!("{shown}.pub"))).ok();
    if public.is_some() {
        let answer = system.query(&Command::new(["ssh-keygen", "-l", "-f", &shown]))?;
        let text = if answer.success() { answer.stdout_text() } else { answer.stderr_text() };
        output.ssh_fingerprint = Some(text.trim().to_owned());
    }
    output.ssh_public_key = public.map(|text| text.trim().to_owned());
    output.ssh_key_file = Some(shown);
    Ok(())
}
