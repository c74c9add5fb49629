"""Runs plug-ins for a program that talks to it in lines of JSON: requests come on standard input, answers go to standard output.

While a plug-in runs it may ask back (variables, modules on the host); the answer to that is the next line. Where Ansible's library
is installed, plug-ins get it as they know it; those that import nothing of it run without.
"""

import sys

# The directory that it was started in has no modules for it.
sys.path[:] = [path for path in sys.path if path]

import base64
import collections.abc
import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import os

requests = os.fdopen(os.dup(0), "rb")
answers = os.fdopen(os.dup(1), "wb")
# What a plug-in, or a program that it starts, reads or prints is no part of the talk.
nothing = os.open(os.devnull, os.O_RDWR)
os.dup2(nothing, 0)
os.dup2(nothing, 1)
said = {"out": io.BytesIO(), "err": io.BytesIO()}
sys.stdout, sys.stderr = (
    io.TextIOWrapper(text, encoding="utf-8", errors="backslashreplace", write_through=True) for text in said.values())


class Lost(BaseException):
    """The host cannot be asked any more: no plug-in is to go on."""


def send(message, form=None):
    answers.write(json.dumps(message, default=form or plain).encode() + b"\n")
    answers.flush()


def plain(value):
    """What JSON has no form for."""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, collections.abc.Iterable):
        return list(value)
    return str(value)


def strict(value):
    """The same where other objects are no result."""
    known = (bytes, collections.abc.Mapping, collections.abc.Iterable)
    if isinstance(value, known) or hasattr(value, "isoformat"):
        return plain(value)
    raise TypeError("an object of type %s is no data" % type(value).__name__)


def ask(want, **details):
    send(dict(details, want=want))
    answer = json.loads(requests.readline() or b'{"lost": "the controller is gone"}')
    if "lost" in answer:
        raise Lost(answer["lost"])
    if "error" in answer:
        raise error_class()(answer["error"])
    return answer["value"]


def error_class():
    library = sys.modules.get("ansible.errors")
    return library.AnsibleError if library else RuntimeError


class Variables(dict):
    """The host's variables, each asked for when it is needed."""

    _names = None

    def __missing__(self, name):
        found = ask("variable", name=name)
        if not found:
            raise KeyError(name)
        self[name] = found[0]
        return found[0]

    def _all(self):
        if self._names is None:
            self._names = list(dict.fromkeys(ask("names") + list(dict.keys(self))))
        return self._names + [name for name in dict.keys(self) if name not in self._names]

    def __contains__(self, name):
        return dict.__contains__(self, name) or name in self._all()

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self):
        return iter(self._all())

    def __len__(self):
        return len(self._all())

    def keys(self):
        return collections.abc.KeysView(self)

    def items(self):
        return collections.abc.ItemsView(self)

    def values(self):
        return collections.abc.ValuesView(self)

    def copy(self):
        twin = Variables(dict.items(self))
        twin._names = self._names
        return twin

    def all(self):
        """All that can be evaluated, but for those of other hosts."""
        known = {}
        for name in self._all():
            if name not in ("hostvars", "vars"):
                with contextlib.suppress(Exception):
                    known[name] = self[name]
        return known

    def __or__(self, other):
        twin = self.copy()
        twin.update(other)
        return twin


class Late:
    """Stands for what is made when it is first used."""

    def __init__(self, make):
        self._make = make

    def __getattr__(self, name):
        if "_made" not in self.__dict__:
            self._made = self._make()
        return getattr(self._made, name)


class Scope:
    """What a filter that asks for Jinja's context gets."""

    def __init__(self):
        self.vars = self.parent = Variables()

    def __getitem__(self, name):
        return self.vars[name]

    def __contains__(self, name):
        return name in self.vars

    def get(self, name, default=None):
        return self.vars.get(name, default)

    resolve = get

    def get_all(self):
        return self.vars


def library(roots):
    """Ansible's plug-in loader, once; None where its library is not installed."""
    if "loader" not in library.__dict__:
        try:
            from ansible.plugins import loader
        except ImportError:
            loader = None
        else:
            # Older ones need no beginning.
            getattr(loader, "init_plugin_loader", lambda roots: None)(roots)
        library.loader = loader
    return library.loader


def module(path, roots):
    """The Python module in a file."""
    parts = path.split("/")
    if "ansible_collections" in parts and library(roots):
        return importlib.import_module(".".join(parts[parts.index("ansible_collections"):])[:-len(".py")])
    name = "hostler_plugin_" + hashlib.sha256(path.encode()).hexdigest()[:16]
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def functions(path, kind, roots):
    """The filters or tests of a file, by name."""
    loaded = module(path, roots)
    plugin = getattr(loaded, "FilterModule" if kind == "filter" else "TestModule")()
    return plugin.filters() if kind == "filter" else plugin.tests()


def do_names(path, kind, roots):
    return list(functions(path, kind, roots))


def do_call(path, kind, roots, name, args, kwargs):
    function = functions(path, kind, roots)[name]
    try:
        getattr(function, "accept_args_markers", None)
    except Exception as error:
        raise RuntimeError("The %s plugin '%s' failed to load: %s" % (kind, name, error))
    wants = getattr(function, "jinja_pass_arg", None)
    wants = getattr(wants, "name", wants)
    if wants == "context":
        args.insert(0, Scope())
    elif wants:
        import jinja2
        args.insert(0, jinja2.Environment() if wants == "environment" else jinja2.nodes.EvalContext(jinja2.Environment()))
    result = function(*args, **kwargs)
    return bool(result) if kind == "test" else result


def surroundings(roots, basedir, options):
    """What plug-ins of Ansible's library are given: its plug-in loader, a loader of files, a templar, variables."""
    loader = library(roots)
    if not loader:
        return None, None, None, Variables()
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar
    from ansible.utils.display import Display
    Display().verbosity = options.get("verbosity", 0)
    files = DataLoader()
    files.set_basedir(basedir)
    variables = Variables()
    return loader, files, Late(lambda: Templar(loader=files, variables=variables.all())), variables


def do_lookup(path, roots, name, terms, kwargs, basedir, search):
    loader, files, templar, variables = surroundings(roots, basedir, {})
    variables["ansible_search_path"] = search
    try:
        if loader:
            if "." not in name:
                loader.lookup_loader.add_directory(os.path.dirname(path))
            plugin = loader.lookup_loader.get(name, loader=files, templar=templar)
        else:
            plugin = module(path, roots).LookupModule()
    except Exception as error:
        raise RuntimeError("The lookup plugin '%s' failed to load: %s" % (name, error))
    found = plugin.run(terms, variables=variables, **kwargs)
    return found if isinstance(found, list) else list(found)


def connection_class():
    from ansible.plugins.connection import ConnectionBase

    class Connection(ConnectionBase):
        """The host, by way of the program that asks."""

        transport = "ssh"
        has_pipelining = True
        become_methods = ()

        def _connect(self):
            self._connected = True
            return self

        def exec_command(self, cmd, in_data=None, sudoable=True):
            told = ask("raw", command=cmd, stdin=base64.b64encode(in_data or b"").decode())
            return told["rc"], base64.b64decode(told["stdout"]), base64.b64decode(told["stderr"])

        def put_file(self, in_path, out_path):
            with open(in_path, "rb") as file:
                rc, _, stderr = self.exec_command("cat >" + self._shell.quote(out_path), file.read())
            if rc:
                raise error_class()("failed to write %s: %s" % (out_path, stderr.decode(errors="replace")))

        def fetch_file(self, in_path, out_path):
            rc, stdout, stderr = self.exec_command("cat <" + self._shell.quote(in_path))
            if rc:
                raise error_class()("failed to read %s: %s" % (in_path, stderr.decode(errors="replace")))
            with open(out_path, "wb") as file:
                file.write(stdout)

        def close(self):
            self._connected = False

    return Connection


def bridge(base):
    """Has actions reach their host by way of the program that asks."""

    def _execute_module(self, module_name=None, module_args=None, tmp=None, task_vars=None, *others, **more):
        # A plain name means the module, not another action.
        args = self._task.args if module_args is None else module_args
        return ask("module", name=module_name or self._task.action, args=args)

    def _low_level_execute_command(self, cmd, sudoable=True, in_data=None, executable=None, *others, chdir=None, **more):
        if chdir:
            cmd = self._connection._shell.append_command("cd " + self._connection._shell.quote(chdir), cmd)
        if isinstance(in_data, str):
            in_data = in_data.encode(errors="surrogateescape")
        rc, stdout, stderr = self._connection.exec_command(cmd, in_data, sudoable)
        stdout, stderr = (text.decode(errors="surrogateescape") for text in (stdout, stderr))
        return dict(rc=rc, stdout=stdout, stdout_lines=stdout.splitlines(), stderr=stderr, stderr_lines=stderr.splitlines())

    def _transfer_data(self, remote_path, data):
        if isinstance(data, (dict, list)):
            data = json.dumps(data, default=plain)
        told = self._low_level_execute_command("cat >" + self._connection._shell.quote(remote_path), in_data=data)
        if told["rc"]:
            raise error_class()("failed to write %s: %s" % (remote_path, told["stderr"]))
        return remote_path

    base._execute_module = _execute_module
    base._low_level_execute_command = _low_level_execute_command
    base._transfer_data = _transfer_data
    base._early_needs_tmp_path = lambda self: False
    # It is the same user who writes files and who reads them.
    base._fixup_perms2 = lambda self, remote_paths, *others, **more: remote_paths
    base._is_pipelining_enabled = lambda self, *others, **more: True


def trusted(value):
    """A parameter, in which marked text may be evaluated."""
    if isinstance(value, list):
        return [trusted(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"__trusted"}:
        return {key: trusted(item) for key, item in value.items()}
    try:
        from ansible.template import trust_as_template
    except ImportError:
        # Before 2.19 any text could be.
        return value["__trusted"]
    return trust_as_template(value["__trusted"])


def do_action(path, roots, name, args, basedir, search, options):
    loader, files, templar, variables = surroundings(roots, basedir, options)
    if not loader:
        raise RuntimeError("Ansible's Python library is not there")
    from ansible.errors import AnsibleActionFail, AnsibleActionSkip
    from ansible.playbook.play_context import PlayContext
    from ansible.playbook.task import Task
    from ansible.plugins.action import ActionBase
    bridge(ActionBase)
    task = Task()
    task.action, task.args = name, trusted(args)
    task.name, task.check_mode, task.diff = options["name"], options["check"], options["diff"]
    task.async_val, task.environment = 0, [options["environment"]]
    task.get_search_path = lambda: search
    task.collections = options["collections"]
    context = PlayContext()
    context.check_mode, context.diff, context.verbosity = options["check"], options["diff"], options["verbosity"]
    context.remote_addr, context.remote_user = options["address"], options["user"]
    plugin_class = module(path, roots).ActionModule
    plugin_class._load_name = plugin_class.ansible_name = name
    plugin_class._redirected_names = [name]
    connection = connection_class()(context)
    connection.transport = options["transport"]
    plugin = plugin_class(task=task, connection=connection, play_context=context, loader=files, templar=templar, shared_loader_obj=loader)
    try:
        result = plugin.run(task_vars=variables)
    except AnsibleActionSkip as skip:
        result = dict(getattr(skip, "result", None) or {}, skipped=True, msg=str(skip))
    except AnsibleActionFail as fail:
        result = dict(getattr(fail, "result", None) or {}, failed=True, msg=str(fail))
    finally:
        with contextlib.suppress(Exception):
            plugin.cleanup()
    if not isinstance(result, dict):
        raise TypeError("an action gives a mapping, not %s" % type(result).__name__)
    return result


class Told:
    """What a callback is told of: it has what it was made with, and nothing else."""

    def __init__(self, **known):
        self.__dict__.update(known)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __str__(self):
        return str(self.name)

    def get_name(self, *others, **more):
        return self.name

    def get_path(self):
        return self.path

    def get_vars(self):
        return {}


class Result(Told):
    """A task's result on a host."""

    @property
    def task_name(self):
        return self._task.get_name()

    host = property(lambda self: self._host)
    task = property(lambda self: self._task)
    result = property(lambda self: self._result)
    task_fields = property(lambda self: self._task_fields)

    def _is(self, name):
        return bool(self._result.get(name))

    def is_changed(self):
        return self._is("changed")

    def is_skipped(self):
        return self._is("skipped")

    def is_failed(self):
        return self._is("failed")

    def is_unreachable(self):
        return self._is("unreachable")

    def needs_debugger(self, *others):
        return False

    def clean_copy(self):
        return self


class Stats(Told):
    """The counts at the end."""

    def summarize(self, host):
        names = dict(ok="ok", failures="failures", unreachable="dark", changed="changed", skipped="skipped", rescued="rescued", ignored="ignored")
        return {name: getattr(self, field).get(host, 0) for name, field in names.items()}


callback = Told()


def do_callback(path, roots, name, options):
    if options["color"]:
        os.environ.setdefault("ANSIBLE_FORCE_COLOR", "true")
    loader, *_ = surroundings(roots, options["basedir"], options)
    if not loader:
        raise RuntimeError("Ansible's Python library is not there")
    if "." not in name:
        loader.callback_loader.add_directory(os.path.dirname(path))
    callback.plugin = plugin = loader.callback_loader.get(name)
    if not plugin:
        raise RuntimeError(said["err"].getvalue().decode(errors="replace").strip() or "it cannot be loaded")
    plugin.set_options()
    kind = getattr(plugin, "CALLBACK_TYPE", "notification")
    needs = getattr(plugin, "CALLBACK_NEEDS_ENABLED", getattr(plugin, "CALLBACK_NEEDS_WHITELIST", False))
    callback.tasks = {}
    return dict(kind=kind, needs_enabled=bool(needs), implicit=bool(getattr(plugin, "wants_implicit_tasks", False)))


def send_event(method, *args, **kwargs):
    # As Ansible does, a callback that fails is told of, and the run goes on.
    for name in (method, "v2_on_any"):
        try:
            getattr(callback.plugin, name)(*args, **kwargs)
        except Exception as error:
            sys.stderr.write("[WARNING]: Failure using method (%s) in callback plugin (%s): %s\n" % (name, callback.plugin, error))


def task_told(about):
    task = callback.tasks.get(about["id"])
    if not task:
        role = Told(name=about["role"], _role_name=about["role"], _uuid=about["role"]) if about["role"] else None
        known = dict(about, _uuid=str(about["id"]), _role=role, args=dict(about["args"]), resolved_action=about["action"])
        known.update(action=about["written"], no_log=False, tags=[], implicit=about.get("implicit", False), _parent=None)
        task = callback.tasks[about["id"]] = Told(**known)
    return task


def do_event(event, about):
    host = Told(name=about["host"], address=about["host"], vars={}, groups=[]) if about.get("host") else None
    task = task_told(about["task"]) if about.get("task") else None
    if event == "playbook":
        send_event("v2_playbook_on_start", Told(name=about["path"], _file_name=about["path"], _basedir=os.path.dirname(about["path"]) or "."))
    elif event == "play":
        play = Told(name=about["name"], hosts=about["hosts"], strategy=about["strategy"], check_mode=about["check"], path=about["path"], _uuid=about["path"])
        if hasattr(callback.plugin, "set_play_context"):
            callback.plugin.set_play_context(Told(check_mode=about["check"], diff=False, verbosity=0))
        send_event("v2_playbook_on_play_start", play)
    elif event == "task":
        handler = about["task"]["handler"]
        send_event("v2_playbook_on_handler_task_start" if handler else "v2_playbook_on_task_start", task, **({} if handler else dict(is_conditional=False)))
    elif event == "host":
        send_event("v2_runner_on_start", host, task)
    elif event in ("result", "item", "retry"):
        fields = dict(name=task.name, action=task.action, args=task.args, ignore_errors=about["ignored"], delegate_to=about["delegated"])
        result = Result(_host=host, _task=task, _result=about["result"], _task_fields=fields)
        if event == "retry":
            return send_event("v2_runner_retry", result)
        more = dict(ignore_errors=about["ignored"]) if event == "result" and about["end"] == "failed" else {}
        send_event("v2_runner_%son_%s" % ("item_" if event == "item" else "", about["end"]), result, **more)
    elif event == "include":
        hosts = [Told(name=name) for name in about["hosts"]]
        send_event("v2_playbook_on_include", Told(_filename=about["what"], _hosts=hosts, _task=task, _args={}, _vars={}))
    elif event == "stats":
        counts = about["counts"]
        field = lambda name: {host: count[name] for host, count in counts.items() if count[name]}
        send_event("v2_playbook_on_stats", Stats(
            processed={host: 1 for host in counts}, ok=field("ok"), failures=field("failed"), dark=field("unreachable"), changed=field("changed"),
            skipped=field("skipped"), rescued=field("rescued"), ignored=field("ignored"), custom=about["custom"]))
    else:
        send_event("v2_playbook_on_" + event)


def main():
    sys.path.extend(path for path in sys.argv[1:] if path not in sys.path)
    for line in requests:
        request = json.loads(line)
        form = strict if request["do"] == "action" else plain
        for text in said.values():
            text.seek(0)
            text.truncate()
        try:
            answer = dict(value=globals()["do_" + request.pop("do")](**request))
        except Lost as lost:
            answer = dict(error=str(lost))
        # Even one that wants to end the program.
        except BaseException as error:
            answer = dict(error=str(error) or type(error).__name__)
        answer.update((where, text.getvalue().decode(errors="replace")) for where, text in said.items())
        try:
            send(answer, form)
        except Exception as error:
            send(dict(error="Task result omitted: %s" % error))


main()
