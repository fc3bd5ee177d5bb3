// Starts a program as AWS Lambda does, and has it answer events: smoke SETTINGS RESULT.
//
// It serves the part of the Runtime API and of the Extensions API that a program needs for that, on the address that the
// program's environment names. What it cannot do is in no zip: package emulator is the whole of Lambda. It is compiled by the
// toolchain of the build, for the machine that builds, so it needs nothing but std, and no more than edition 2018 of Rust.
//
// SETTINGS has NAME=VALUE pairs that each end in a NUL byte, of which event, env and extension may come again. RESULT is JSON.
// Exit statuses are those that package dockerfile names.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::raw::{c_char, c_int};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{exit, Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NOT_STARTED: i32 = 20;
const ENDED_AT_START: i32 = 21;
const SILENT_AT_START: i32 = 22;
const INIT_ERROR: i32 = 23;
const ENDED: i32 = 24;
const SILENT: i32 = 25;
const FUNCTION_ERROR: i32 = 26;
const TOO_LARGE: i32 = 27;
const SLOW_INIT: i32 = 28;
const TOO_MUCH_MEMORY: i32 = 29;

// An answer has 6 MB and 100 bytes at most, as Lambda counts; a streamed one may have 200 MB, of which no more is kept.
const MAX_ANSWER: usize = 6 * 1024 * 1024 + 100;
const MAX_STREAM: usize = 200 * 1024 * 1024;

// Lambda gives a program 10 seconds to start.
const INIT: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Settings {
    address: String,
    directory: String,
    program: String,
    machine: String,
    timeout: Duration,
    starts: usize,
    max_init: u64,   // microseconds; 0 is no limit
    max_memory: u64, // bytes; 0 is no limit
    keep: usize,     // bytes of an answer
    events: Vec<String>,
    env: Vec<(String, String)>,
    extensions: Vec<String>,
}

fn settings(file: &str) -> Settings {
    let text = String::from_utf8(fs::read(file).expect("settings")).expect("settings in UTF-8");
    let mut s = Settings::default();
    for pair in text.split('\0').filter(|p| !p.is_empty()) {
        let (name, value) = cut(pair, '=');
        let number = || value.parse::<u64>().unwrap_or(0);
        match name {
            "address" => s.address = value.to_string(),
            "directory" => s.directory = value.to_string(),
            "program" => s.program = value.to_string(),
            "machine" => s.machine = value.to_string(),
            "timeout" => s.timeout = Duration::from_millis(number()),
            "starts" => s.starts = number() as usize,
            "max-init" => s.max_init = number(),
            "max-memory" => s.max_memory = number(),
            "keep" => s.keep = number() as usize,
            "event" => s.events.push(value.to_string()),
            "extension" => s.extensions.push(value.to_string()),
            "env" => {
                let (name, value) = cut(value, '=');
                s.env.push((name.to_string(), value.to_string()));
            }
            _ => panic!("the setting {} is unknown", name),
        }
    }
    s
}

fn cut(text: &str, at: char) -> (&str, &str) {
    match text.find(at) {
        Some(i) => (&text[..i], &text[i + 1..]),
        None => (text, ""),
    }
}

// What one start of the program is at.
#[derive(Default)]
struct State {
    pid: u32,
    asked: usize, // how often it asked for an event
    ready: Option<Instant>,
    event: Option<(usize, Vec<u8>, Duration)>, // for it to take, with what it has to answer
    taken: usize,                              // events, by now
    answer: Option<(Vec<u8>, Instant)>,
    memory: u64,
    extensions: Vec<(bool, usize, bool)>, // wants INVOKE, how many of these it had, is ready
    failed: Option<(i32, String)>,
}

#[derive(Default)]
struct Start {
    state: Mutex<State>,
    changed: Condvar,
}

impl Start {
    fn change<F: FnOnce(&mut State)>(&self, f: F) {
        f(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
    large: bool,
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    if reader.take(64 * 1024).read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_string())
}

fn header(request: &mut Request, line: &str) {
    let (name, value) = cut(line, ':');
    request.headers.insert(name.trim().to_lowercase(), value.trim().to_string());
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let mut r = Request {
        method: words.next().unwrap_or("").to_string(),
        path: words.next().unwrap_or("").to_string(),
        headers: HashMap::new(),
        body: Vec::new(),
        large: false,
    };
    loop {
        let text = line(reader)?;
        if text.is_empty() {
            break;
        }
        header(&mut r, &text);
    }
    if r.headers.get("transfer-encoding").map_or(false, |v| v.to_lowercase().contains("chunked")) {
        let streams = r.headers.get("lambda-runtime-function-response-mode").map_or(false, |v| v == "streaming");
        let limit = if streams { MAX_STREAM } else { MAX_ANSWER };
        let mut total = 0;
        loop {
            let size = line(reader)?;
            let size = usize::from_str_radix(cut(&size, ';').0.trim(), 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            if size == 0 {
                break;
            }
            total += size;
            r.large = r.large || total > limit;
            take(reader, size, &mut r)?;
            line(reader)?;
        }
        loop {
            let text = line(reader)?; // trailers
            if text.is_empty() {
                break;
            }
            header(&mut r, &text);
        }
    } else if let Some(length) = r.headers.get("content-length").and_then(|v| v.parse::<usize>().ok()) {
        r.large = length > MAX_ANSWER;
        take(reader, length, &mut r)?;
    }
    Ok(r)
}

// Adds so many bytes to the body, as long as that is not too large.
fn take(reader: &mut BufReader<TcpStream>, size: usize, r: &mut Request) -> io::Result<()> {
    let room = MAX_ANSWER.saturating_sub(r.body.len()).min(size);
    let part = reader.take(room as u64).read_to_end(&mut r.body)?;
    let rest = io::copy(&mut reader.take((size - room) as u64), &mut io::sink())?;
    if part + rest as usize != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn reply(stream: &mut TcpStream, status: &str, headers: &[(&str, String)], body: &[u8]) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\nContent-Type: application/json\r\n", status, body.len());
    for (name, value) in headers {
        text += &format!("{}: {}\r\n", name, value);
    }
    text += "\r\n";
    let mut all = text.into_bytes();
    all.extend_from_slice(body);
    stream.write_all(&all)
}

const OK: &[u8] = b"{\"status\":\"OK\"}\n";

fn serve(stream: TcpStream, start: Arc<Start>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let r = read(&mut reader)?;
        let parts: Vec<&str> = r.path.trim_matches('/').split('/').collect();
        match (r.method.as_str(), parts.as_slice()) {
            ("GET", ["2018-06-01", "runtime", "invocation", "next"]) => next(&mut out, &start)?,
            ("POST", ["2018-06-01", "runtime", "invocation", id, what]) => answer(&mut out, &start, &r, id, what)?,
            ("POST", ["2018-06-01", "runtime", "init", "error"]) => {
                start.change(|s| s.failed = Some((INIT_ERROR, text(&r.body))));
                reply(&mut out, "202 Accepted", &[], OK)?
            }
            ("GET", ["2018-06-01", "runtime", "restore", "next"]) => reply(&mut out, "200 OK", &[], b"")?,
            ("POST", ["2020-01-01", "extension", "register"]) => {
                let mut id = 0;
                let invoked = text(&r.body).contains("\"INVOKE\"");
                start.change(|s| {
                    s.extensions.push((invoked, s.taken, false));
                    id = s.extensions.len();
                });
                let body = b"{\"functionName\":\"smoke\",\"functionVersion\":\"$LATEST\",\"handler\":\"bootstrap\"}";
                reply(&mut out, "200 OK", &[("Lambda-Extension-Identifier", uuid(id))], body)?
            }
            ("GET", ["2020-01-01", "extension", "event", "next"]) => extension(&mut out, &start, &r)?,
            ("POST", ["2020-01-01", "extension", _, "error"]) => {
                start.change(|s| s.failed = Some((INIT_ERROR, text(&r.body))));
                reply(&mut out, "202 Accepted", &[], OK)?
            }
            ("PUT", ["2022-07-01", "telemetry"]) | ("PUT", ["2020-08-15", "logs"]) => reply(&mut out, "200 OK", &[], b"\"OK\"")?,
            _ => reply(&mut out, "404 Not Found", &[], b"{\"errorType\":\"NotFound\"}")?,
        }
    }
}

fn uuid(n: usize) -> String {
    format!("00000000-0000-4000-8000-{:012x}", n)
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).to_string()
}

fn next(out: &mut TcpStream, start: &Start) -> io::Result<()> {
    let mut s = start.state.lock().unwrap();
    s.asked += 1;
    s.ready.get_or_insert_with(Instant::now);
    start.changed.notify_all();
    let (id, body, timeout) = loop {
        if let Some(event) = s.event.take() {
            s.taken += 1;
            start.changed.notify_all();
            break event;
        }
        s = start.changed.wait(s).unwrap();
    };
    drop(s);
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + timeout;
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", uuid(id)),
        ("Lambda-Runtime-Deadline-Ms", (deadline.as_secs() * 1000 + u64::from(deadline.subsec_millis())).to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:smoke".to_string()),
        ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0".to_string()),
    ];
    reply(out, "200 OK", &headers, &body)
}

fn answer(out: &mut TcpStream, start: &Start, r: &Request, id: &str, what: &str) -> io::Result<()> {
    let now = Instant::now();
    let current = id == uuid(start.state.lock().unwrap().taken);
    if !current {
        return reply(out, "400 Bad Request", &[], b"{\"errorType\":\"InvalidRequestID\"}");
    }
    let error = what == "error" || r.headers.contains_key("lambda-runtime-function-error-type");
    start.change(|s| {
        s.memory = s.memory.max(peak(s.pid));
        if r.large {
            s.failed = Some((TOO_LARGE, "the answer is larger than Lambda takes".to_string()));
        } else if error {
            s.failed = Some((FUNCTION_ERROR, text(&r.body)));
        } else {
            s.answer = Some((r.body.clone(), now));
        }
    });
    if r.large {
        return reply(out, "413 Payload Too Large", &[], b"{\"errorType\":\"RequestEntityTooLarge\"}");
    }
    reply(out, "202 Accepted", &[], OK)
}

fn extension(out: &mut TcpStream, start: &Start, r: &Request) -> io::Result<()> {
    let id = r.headers.get("lambda-extension-identifier").cloned().unwrap_or_default();
    let mut s = start.state.lock().unwrap();
    let i = match (0..s.extensions.len()).find(|i| uuid(i + 1) == id) {
        Some(i) => i,
        None => {
            drop(s);
            return reply(out, "403 Forbidden", &[], b"{\"errorType\":\"Extension.UnknownExtensionIdentifier\"}");
        }
    };
    s.extensions[i].2 = true;
    start.changed.notify_all();
    while !s.extensions[i].0 || s.extensions[i].1 >= s.taken {
        s = start.changed.wait(s).unwrap();
    }
    s.extensions[i].1 += 1;
    let body = format!(
        "{{\"eventType\":\"INVOKE\",\"deadlineMs\":9999999999999,\"requestId\":\"{}\",\"invokedFunctionArn\":\"arn:aws:lambda:us-east-1:123456789012:function:smoke\",\"tracing\":{{\"type\":\"X-Amzn-Trace-Id\",\"value\":\"\"}}}}",
        uuid(s.extensions[i].1)
    );
    drop(s);
    reply(out, "200 OK", &[], body.as_bytes())
}

// The most memory that a process had at a time, in bytes.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid)).unwrap_or_default();
    let kilobytes = status.lines().filter(|l| l.starts_with("VmHWM:")).filter_map(|l| l.split_whitespace().nth(1)).next();
    kilobytes.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

extern "C" {
    fn execve(file: *const c_char, args: *const *const c_char, env: *const *const c_char) -> c_int;
}

// Words as C has them. The pointers are numbers since a closure may be sent to other threads with those alone.
struct Words(Vec<CString>, Vec<usize>);

impl Words {
    fn new<T: Into<Vec<u8>>, I: IntoIterator<Item = T>>(words: I) -> Words {
        let all: Vec<CString> = words.into_iter().map(|w| CString::new(w).expect("a word without NUL")).collect();
        let pointers = all.iter().map(|w| w.as_ptr() as usize).chain(Some(0)).collect();
        Words(all, pointers)
    }

    fn pointers(&self) -> *const *const c_char {
        self.1.as_ptr() as *const *const c_char
    }
}

// How programs are started: by what, and as the user of Lambda where that can be.
struct Starter {
    emulator: Option<String>,
    user: bool,
}

impl Starter {
    fn spawn(&mut self, s: &Settings, program: &str) -> io::Result<Child> {
        loop {
            let mut words = vec![program];
            if let Some(emulator) = &self.emulator {
                words.insert(0, emulator);
            }
            let mut command = Command::new(words[0]);
            command.current_dir(&s.directory);
            if self.user {
                command.uid(993).gid(990); // of sbx_user1051
            }
            let (args, env) = (Words::new(words), Words::new(s.env.iter().map(|(name, value)| format!("{}={}", name, value))));
            // std would hand a file that the kernel cannot run to a shell.
            unsafe {
                command.pre_exec(move || {
                    execve(args.0[0].as_ptr(), args.pointers(), env.pointers());
                    Err(io::Error::last_os_error())
                });
            }
            match command.spawn() {
                // An engine of an ordinary user may have no other user.
                Err(e) if self.user && (e.raw_os_error() == Some(1) || e.raw_os_error() == Some(22)) => self.user = false,
                done => return done,
            }
        }
    }
}

fn fail(status: i32, what: &str) -> ! {
    println!("smoke: {}", what);
    exit(status)
}

// Waits for what the program is to do. Ended and silent are the exit statuses where it does not.
fn wait<T, F: FnMut(&mut State) -> Option<T>>(start: &Start, child: &mut Child, time: Duration, ended: i32, silent: i32, what: &str, mut done: F) -> T {
    let until = Instant::now() + time;
    let mut s = start.state.lock().unwrap();
    let stop = |child: &mut Child, status, why: String| -> ! {
        let _ = child.kill();
        fail(status, &format!("{}: {}", what, why))
    };
    loop {
        if let Some((status, why)) = s.failed.take() {
            stop(child, status, why);
        }
        if let Some(value) = done(&mut s) {
            return value;
        }
        if let Ok(Some(status)) = child.try_wait() {
            stop(child, ended, format!("the program ended, {}", status));
        }
        if Instant::now() >= until {
            stop(child, silent, format!("nothing within {:?}", time));
        }
        s = start.changed.wait_timeout(s, Duration::from_millis(5)).unwrap().0;
    }
}

fn quote(bytes: &[u8]) -> String {
    let mut all = String::from("\"");
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' | '\\' => {
                all.push('\\');
                all.push(c)
            }
            c if (c as u32) < 0x20 || c == '\u{7f}' => all += &format!("\\u{:04x}", c as u32),
            c => all.push(c),
        }
    }
    all + "\""
}

fn find(name: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').map(|dir| format!("{}/{}", dir, name)).find(|file| Path::new(file).is_file())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let s = settings(&args[1]);
    let own = text(&Command::new("uname").arg("-m").output().expect("uname").stdout).trim().to_string();
    let other = own != s.machine;
    let mut starter = Starter { emulator: None, user: true };
    if other {
        let name = format!("qemu-{}", s.machine);
        starter.emulator = find(&name).or_else(|| find(&(name + "-static")));
    }
    let listener = TcpListener::bind(&s.address).expect("the address of the Runtime API");
    let current: Arc<Mutex<Arc<Start>>> = Arc::default();
    let serving = current.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, start) = (stream.expect("a connection"), serving.lock().unwrap().clone());
            thread::spawn(move || serve(stream, start));
        }
    });
    let (mut init, mut memory, mut events) = (Vec::new(), 0, Vec::new());
    for n in 0..s.starts {
        let start: Arc<Start> = Arc::default();
        *current.lock().unwrap() = start.clone();
        let mut extensions = Vec::new();
        for name in &s.extensions {
            match starter.spawn(&s, name) {
                Ok(child) => extensions.push(child),
                Err(e) => fail(NOT_STARTED, &format!("{} cannot be started: {}", name, e)),
            }
        }
        let began = Instant::now();
        let mut child = match starter.spawn(&s, &s.program) {
            Ok(child) => child,
            Err(e) if other && e.raw_os_error() == Some(8) => {
                fs::write(&args[2], format!("{{\"skipped\":\"{}\"}}\n", own)).expect("the result");
                return;
            }
            Err(e) => fail(NOT_STARTED, &format!("the program cannot be started: {}", e)),
        };
        start.change(|state| state.pid = child.id());
        let ready = wait(&start, &mut child, INIT, ENDED_AT_START, SILENT_AT_START, "the start", |state| {
            let others = state.extensions.iter().filter(|e| e.2).count();
            state.ready.filter(|_| others >= s.extensions.len())
        });
        init.push(ready.duration_since(began).as_micros() as u64);
        if n == 0 {
            for (i, file) in s.events.iter().enumerate() {
                let body = fs::read(file).expect("an event");
                let sent = Instant::now();
                start.change(|state| state.event = Some((i + 1, body, s.timeout)));
                let what = format!("event {}", i + 1);
                let (answer, at) = wait(&start, &mut child, s.timeout, ENDED, SILENT, &what, |state| state.answer.take());
                let kept = if answer.len() > s.keep { "null".to_string() } else { quote(&answer) };
                events.push(format!("{{\"took\":{},\"size\":{},\"answer\":{}}}", at.duration_since(sent).as_micros(), answer.len(), kept));
            }
            memory = start.state.lock().unwrap().memory;
        }
        for child in extensions.iter_mut().chain(Some(&mut child)) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if s.max_init > 0 && (other || init[n] <= s.max_init) {
            break; // the best of several counts
        }
    }
    let best = *init.iter().min().unwrap_or(&0);
    if s.max_init > 0 && best > s.max_init && !other {
        fail(SLOW_INIT, &format!("the best of {} starts took {} ms", init.len(), best as f64 / 1000.0));
    }
    if s.max_memory > 0 && memory > s.max_memory && !other {
        fail(TOO_MUCH_MEMORY, &format!("the program had {} bytes of memory", memory));
    }
    let result = format!(
        "{{\"init\":{},\"memory\":{},\"emulated\":{},\"root\":{},\"events\":[{}]}}\n",
        best, memory, other, !starter.user, events.join(",")
    );
    fs::write(&args[2], result).expect("the result");
}
