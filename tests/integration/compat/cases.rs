//! The table itself.

use super::{Case, End, Exit, Killed, Step, Theirs, To, case};

/// Ends by every signal. As below, what counts is the end of a run.
const NAP: &str = "echo ready; exec sleep 1000";

/// Ignores TERM and has to be killed.
const DEAF: &str = "exec 2>/dev/null; trap '' TERM; echo ready; while :; do sleep 0.02; done";

/// Ends by each of these signals with a status of its own. Some shells tell on standard error how
/// their children end, which is not what is asked.
const TIDY: &str = "exec 2>/dev/null; trap 'exit 3' TERM; trap 'exit 4' INT; trap 'exit 5' HUP; \
                    trap 'exit 6' USR1; trap 'exit 7' QUIT; echo ready; \
                    while :; do sleep 0.02; done";

/// Ends by CONT, apart from the others: they are followed by one.
const RESUMED: &str = "exec 2>/dev/null; trap 'exit 0' CONT; echo ready; \
                       while :; do sleep 0.02; done";

const LIMIT_WHEN_READY: &[Step] = &[Step("ready", To::Program, libc::SIGALRM)];

const HUP_WHEN_READY: &[Step] = &[Step("ready", To::Program, libc::SIGHUP)];

const INT_WHEN_READY: &[Step] = &[Step("ready", To::Program, libc::SIGINT)];

const QUIT_WHEN_READY: &[Step] = &[Step("ready", To::Program, libc::SIGQUIT)];

const TERM_WHEN_READY: &[Step] = &[Step("ready", To::Program, libc::SIGTERM)];

const USR1_WHEN_READY: &[Step] = &[Step("ready", To::Program, libc::SIGUSR1)];

const KILLS_ITSELF: Theirs =
    Theirs::SameNumber("Some versions kill themselves together with their group; we exit.");

const NEWER_OPTION: Theirs = Theirs::NotAsked("Before 9.2 it knew the long option only.");

const KILLED: End = Exit(137);

const FAULT: End = Killed(libc::SIGSEGV);

pub const STATUSES: &[Case] = &[
    case("success", &["60", "true"], Exit(0)),
    case("a status is passed through", &["60", "sh", "-c", "exit 2"], Exit(2)),
    case("124 is the command's too", &["60", "sh", "-c", "exit 124"], Exit(124)),
    case("255", &["60", "sh", "-c", "exit 255"], Exit(255)),
    case("output is passed through", &["60", "echo", "-n", "some", "words"], Exit(0))
        .prints("some words"),
    case("the limit", &["0.05", "sleep", "1000"], Exit(124)),
    case("the limit, then 0", &["-s", "CONT", "60", "sh", "-c", RESUMED], Exit(124))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("the limit, then 3", &["60", "sh", "-c", TIDY], Exit(124))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("a limit of 0 is none", &["0", "sh", "-c", "exit 3"], Exit(3)),
    case("ALRM is the limit where there is none", &["0", "sh", "-c", NAP], Exit(124))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("a directory", &["60", "."], Exit(126)).says_in_own_words(),
    case("the root", &["60", "/"], Exit(126)).says_in_own_words(),
    case("not executable", &["60", "./plain"], Exit(126)).says_in_own_words(),
    case("below what is no directory", &["60", "./plain/x"], Exit(126)).says_in_own_words(),
    case("not found", &["60", "no-such-command"], Exit(127)).says_in_own_words(),
    case("not found by its path", &["60", "/no/such/command"], Exit(127)).says_in_own_words(),
    case("no name", &["60", ""], Exit(127)).says_in_own_words(),
    case("not found, in the foreground", &["--foreground", "60", "no-such-command"], Exit(127))
        .says_in_own_words(),
    case("no operand", &[], Exit(125)).says_in_own_words(),
    case("no command", &["60"], Exit(125)).says_in_own_words(),
    case("no command after the options", &["-k", "1", "60"], Exit(125)).says_in_own_words(),
    case("killed by USR1 in time", &["60", "sh", "-c", "kill -USR1 $$"], Killed(libc::SIGUSR1)),
    case("killed by KILL in time", &["60", "sh", "-c", "kill -KILL $$"], Killed(libc::SIGKILL)),
    case("killed by PIPE in time", &["60", "sh", "-c", "kill -PIPE $$"], Killed(libc::SIGPIPE)),
    case("killed in time, with -k", &["-k1", "60", "sh", "-c", "kill $$"], Killed(libc::SIGTERM)),
    case("a fault is passed on without a core", &["60", "sh", "-c", "kill -SEGV $$"], FAULT)
        .entry("ulimit -c 0; exec timeout \"$@\"")
        .says_anything(),
];

pub const OPTIONS: &[Case] = &[
    case("an unknown option", &["--typo", "60", "true"], Exit(125)).says_in_own_words(),
    case("an unknown letter", &["-x", "60", "true"], Exit(125)).says_in_own_words(),
    case("a digit is no option", &["-1", "true"], Exit(125)).says_in_own_words(),
    case("no value", &["--kill-after"], Exit(125)).says_in_own_words(),
    case("a value too many", &["--foreground=1", "60", "true"], Exit(125)).says_in_own_words(),
    case("an ambiguous beginning", &["--ver", "60", "true"], Exit(125)).says_in_own_words(),
    case("-s KILL", &["-s", "KILL", "0.05", "sleep", "1000"], KILLED).theirs(KILLS_ITSELF),
    case("-s KILL with -k", &["-s9", "-k9", "0.05", "sleep", "1000"], KILLED).theirs(KILLS_ITSELF),
    case("-s KILL, foreground", &["--foreground", "-s9", "0.05", "sleep", "1000"], KILLED),
    case("-s HUP", &["-s", "HUP", "0.05", "sleep", "1000"], Exit(124)),
    case("-k that need not kill", &["-k", "60", "0.05", "sleep", "1000"], Exit(124)),
    case("-k", &["-k", "0.05", "60", "sh", "-c", DEAF], KILLED)
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n")
        .theirs(KILLS_ITSELF),
    case("-k, foreground", &["--foreground", "-k", "0.05", "60", "sh", "-c", DEAF], KILLED)
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("-k and a death by TERM's", &["-k", "0.05", "60", "sh", "-c", TIDY], Exit(124))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("-s 0 sends nothing", &["-s0", "-k.05", "0.05", "sleep", "1000"], KILLED)
        .theirs(KILLS_ITSELF),
    case("-s 0, fg", &["--foreground", "-s0", "-k.05", "0.05", "sleep", "1000"], KILLED),
    case("-k 0 never kills", &["-k0", "60", "sh", "-c", HEARS_TERM], Exit(124))
        .steps(&[Step("ready", To::Program, libc::SIGALRM), HUP_WHEN_HEARD])
        .prints_anything(),
    case(
        "-s STOP, foreground",
        &["--foreground", "-sSTOP", "-k.05", ".05", "sleep", "1000"],
        KILLED,
    ),
    case("-s STOP", &["-s", "STOP", "-k", "0.05", "0.05", "sleep", "1000"], KILLED)
        .theirs(Theirs::NotAsked("It stops itself together with its group and hangs.")),
    case("-p", &["--preserve-status", "0.05", "sleep", "1000"], Exit(143)),
    case("-p of a command that ends well", &["--preserve-status", "60", "true"], Exit(0)),
    case("-p of a trap", &["--preserve-status", "60", "sh", "-c", TIDY], Exit(3))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("-p of a trap of INT", &["--preserve-status", "-sINT", "60", "sh", "-c", TIDY], Exit(4))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("-p of KILL", &["--preserve-status", "-sKILL", "0.05", "sleep", "1000"], KILLED)
        .theirs(KILLS_ITSELF),
    case("-s CONT -p", &["-s", "cOnT", "--preserve-status", "60", "sh", "-c", RESUMED], Exit(0))
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n"),
    case("-p by its letter", &["-p", "0.05", "sleep", "1000"], Exit(143)).theirs(NEWER_OPTION),
    case("-f by its letter", &["-f", "-s9", "0.05", "sleep", "1000"], KILLED).theirs(NEWER_OPTION),
    case("the shortest beginning", &["--p", "0.05", "sleep", "1000"], Exit(143)),
    case("beginnings", &["--kill=9s", "--pre", "--sig=HUP", "0.05", "sleep", "1000"], Exit(129)),
    case("a letter after two dashes", &["--k", "9", "--f", "0.05", "sleep", "1000"], Exit(124)),
    case("the last signal wins", &["-s9", "-sHUP", "0.05", "sleep", "1000"], Exit(124)),
    case("the last grace wins", &["-k99", "-k.05", "-s0", "0.05", "sleep", "1000"], KILLED)
        .theirs(KILLS_ITSELF),
    case("options end", &["60", "echo", "--version", "-k", "--", "x"], Exit(0))
        .prints("--version -k -- x\n"),
    case("-- before the duration", &["--", "60", "echo", "-v"], Exit(0)).prints("-v\n"),
    case("-- after the duration", &["60", "--", "echo", "x"], Exit(0))
        .prints("x\n")
        .theirs(Theirs::Ends(Exit(127), "To it that is the command's name.")),
    case("an option after the duration", &["60", "-v", "true"], Exit(125))
        .says_in_own_words()
        .theirs(Theirs::Ends(Exit(127), "To it that is the command's name; we name the mistake.")),
];

/// TERM is heard and does nothing; HUP ends it.
const HEARS_TERM: &str = "exec 2>/dev/null; trap 'echo heard' TERM; trap 'exit 0' HUP; echo ready; \
                          while :; do sleep 0.02; done";

const HUP_WHEN_HEARD: Step = Step("heard", To::Program, libc::SIGHUP);

pub const DURATIONS: &[Case] = &[
    case("a number below all others", &["1e-10000", "sleep", "1000"], Exit(124))
        .theirs(Theirs::NotAsked("Some versions take it for zero, which is no limit.")),
    case("a negative number above all others", &["--", "-1e-10000", "true"], Exit(125))
        .says_in_own_words()
        .theirs(Theirs::NotAsked("Some versions take it for zero, which is no limit.")),
    case("humantime's spelling", &["1h30m", "true"], Exit(0))
        .theirs(Theirs::Ends(Exit(125), "It knows one unit at a time.")),
    case("milliseconds", &["500ms", "true"], Exit(0))
        .theirs(Theirs::Ends(Exit(125), "It does not know the unit.")),
    case("an endless grace", &["-k", "inf", "0.05", "sleep", "1000"], Exit(124)),
    case("a huge grace", &["-k", "9223372036854775808d", "60", "true"], Exit(0)),
    case("a wrong grace", &["--kill-after=invalid", "60", "true"], Exit(125)).says_in_own_words(),
    case("a negative grace", &["-k", "-1", "60", "true"], Exit(125)).says_in_own_words(),
];

pub const SIGNALS: &[Case] = &[
    case("a status for a signal", &["-s", "129", "60", "true"], Exit(125))
        .says_in_own_words()
        .theirs(Theirs::Ends(Exit(0), "It reads 128+N as N; to us that is no signal.")),
    case("-s TERM by its name", &["--signal=SIGTERM", "0.05", "sleep", "1000"], Exit(124)),
    case(
        "-s QUIT by its number",
        &["--preserve-status", "-s", "3", "60", "sh", "-c", TIDY],
        Exit(7),
    )
    .steps(LIMIT_WHEN_READY)
    .prints("ready\n"),
];

pub const MESSAGES: &[Case] = &[
    case("-v in time", &["-v", "60", "true"], Exit(0)),
    case("-v without a limit", &["-v", "-s0", "-k0", "0", "true"], Exit(0)),
    case("-v", &["-v", "0.05", "sleep", "1000"], Exit(124))
        .says(&["timeout: sending signal TERM to command 'sleep'"]),
    case("--verbose", &["--verb", "--verbose", "-vsHUP", "0.05", "sleep", "1000"], Exit(124))
        .says(&["timeout: sending signal HUP to command 'sleep'"]),
    case("-v by a number", &["-v", "-s", "2", "0.05", "sleep", "1000"], Exit(124))
        .says(&["timeout: sending signal INT to command 'sleep'"]),
    case("-v RTMIN", &["-v", "-s", "SIGRTMIN", "0.05", "sleep", "1000"], Exit(124))
        .says(&["timeout: sending signal RTMIN to command 'sleep'"]),
    case("-v RTMIN+2", &["-v", "-s", "rtmin+2", "0.05", "sleep", "1000"], Exit(124))
        .says(&["timeout: sending signal RTMIN+2 to command 'sleep'"]),
    case("-v RTMAX-1", &["-v", "-s", "RTMAX-1", "0.05", "sleep", "1000"], Exit(124))
        .says(&["timeout: sending signal RTMAX-1 to command 'sleep'"]),
    case("-v and two steps", &["-v", "-k", "0.05", "60", "sh", "-c", DEAF], KILLED)
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n")
        .says(&[
            "timeout: sending signal TERM to command 'sh'",
            "timeout: sending signal KILL to command 'sh'",
        ])
        .theirs(KILLS_ITSELF),
    case("-v and no signal", &["-v", "-s0", "-k", "0.05", "0.05", "sleep", "1000"], KILLED)
        .says(&[
            "timeout: sending signal EXIT to command 'sleep'",
            "timeout: sending signal KILL to command 'sleep'",
        ])
        .theirs(KILLS_ITSELF),
    case("-v of what was received", &["-v", "60", "sh", "-c", NAP], Killed(libc::SIGTERM))
        .steps(TERM_WHEN_READY)
        .prints("ready\n")
        .says(&["timeout: sending signal TERM to command 'sh'"]),
];

pub const ENTRIES: &[Case] = &[
    case("everything blocked", &["60", "sh", "-c", "exit 3"], Exit(3))
        .entry("exec fixture block timeout \"$@\""),
    case("everything blocked, the limit", &["0.05", "sleep", "1000"], Exit(124))
        .entry("exec fixture block timeout \"$@\"")
        .theirs(Theirs::NotAsked("Its command finds TERM blocked and never ends.")),
    case("CHLD ignored", &["60", "sh", "-c", "exit 3"], Exit(3))
        .entry("exec fixture ignore \"$CHLD\" timeout \"$@\""),
    case("CHLD ignored, the limit", &["0.05", "sleep", "1000"], Exit(124))
        .entry("exec fixture ignore \"$CHLD\" timeout \"$@\""),
    case("TERM ignored", &["0.05", "sleep", "1000"], Exit(124))
        .entry("trap '' TERM; exec timeout \"$@\""),
    case("everything ignored", &["0.05", "sleep", "1000"], Exit(124))
        .entry("exec fixture ignore all timeout \"$@\""),
    case("HUP ignored", &["60", "sh", "-c", NAP], Killed(libc::SIGTERM))
        .entry("trap '' HUP; exec timeout \"$@\"")
        .steps(&[Step("ready", To::Program, libc::SIGHUP), Step("", To::Program, libc::SIGTERM)])
        .prints("ready\n")
        .theirs(Theirs::NotAsked("Some versions catch what nohup has had ignored.")),
    case("no stdin", &["60", "sh", "-c", "exit 3"], Exit(3)).entry("exec timeout \"$@\" <&-"),
    case("no stdout", &["60", "sh", "-c", "exit 3"], Exit(3)).entry("exec timeout \"$@\" >&-"),
    case("no stderr", &["60", "sh", "-c", "exit 3"], Exit(3)).entry("exec timeout \"$@\" 2>&-"),
    case("nothing is open", &["60", "sh", "-c", "exit 3"], Exit(3))
        .entry("exec timeout \"$@\" <&- >&- 2>&-"),
    case("nothing is open, the limit", &["0.05", "sleep", "1000"], Exit(124))
        .entry("exec timeout \"$@\" <&- >&- 2>&-"),
    case("nothing is open, nothing is right", &["x", "true"], Exit(125))
        .entry("exec timeout \"$@\" <&- >&- 2>&-"),
    case("-v without stderr", &["-v", "0.05", "sleep", "1000"], Exit(124))
        .entry("exec timeout \"$@\" 2>&-")
        .theirs(Theirs::NotAsked("Some versions return 125, as they could not speak.")),
    case("-v and nobody listens", &["-v", "0.05", "sleep", "1000"], Exit(124))
        .entry("exec 2> >(exit); wait $!; exec timeout \"$@\"")
        .theirs(Theirs::NotAsked("Some versions are killed by PIPE and leave the command.")),
    case("a dead child of the shell's", &["0.05", "sleep", "1000"], Exit(124))
        .entry("sh -c 'exit 7' & exec timeout \"$@\""),
    case(
        "a child that ends meanwhile",
        &["0.1", "sh", "-c", "echo >&3; exec sleep 1000"],
        Exit(124),
    )
    .entry("exec 3> >(read line; exit 7); exec timeout \"$@\""),
    case("a child that stays", &["-k", "9", "0.05", "sleep", "1000"], Exit(124))
        .entry("exec 3> >(trap 'echo hurt' TERM; read line; echo unharmed); exec timeout \"$@\"")
        .prints("unharmed\n"),
];

pub const RECEIVED: &[Case] = &[
    case("HUP", &["60", "sh", "-c", NAP], Killed(libc::SIGHUP))
        .steps(HUP_WHEN_READY)
        .prints("ready\n"),
    case("INT", &["60", "sh", "-c", NAP], Killed(libc::SIGINT))
        .steps(INT_WHEN_READY)
        .prints("ready\n"),
    case("QUIT", &["60", "sh", "-c", NAP], Killed(libc::SIGQUIT))
        .entry("ulimit -c 0; exec timeout \"$@\"")
        .steps(QUIT_WHEN_READY)
        .prints("ready\n")
        .says_anything(),
    case("TERM", &["60", "sh", "-c", NAP], Killed(libc::SIGTERM))
        .steps(TERM_WHEN_READY)
        .prints("ready\n"),
    case("TERM in the foreground", &["--foreground", "60", "sh", "-c", NAP], Killed(libc::SIGTERM))
        .steps(TERM_WHEN_READY)
        .prints("ready\n"),
    case("TERM and a trap", &["60", "sh", "-c", TIDY], Exit(3))
        .steps(TERM_WHEN_READY)
        .prints("ready\n"),
    case("INT and a trap", &["60", "sh", "-c", TIDY], Exit(4))
        .steps(INT_WHEN_READY)
        .prints("ready\n"),
    case("HUP and a trap", &["60", "sh", "-c", TIDY], Exit(5))
        .steps(HUP_WHEN_READY)
        .prints("ready\n"),
    case("USR1 as the signal of the limit", &["-s", "USR1", "60", "sh", "-c", TIDY], Exit(6))
        .steps(USR1_WHEN_READY)
        .prints("ready\n"),
    case("USR1", &["60", "sh", "-c", TIDY], Exit(6))
        .steps(USR1_WHEN_READY)
        .prints("ready\n")
        .theirs(Theirs::NotAsked("It does not catch it, and leaves the command running.")),
    case("TERM, ignored, with -k", &["-k", "0.05", "60", "sh", "-c", DEAF], KILLED)
        .steps(TERM_WHEN_READY)
        .prints("ready\n")
        .theirs(KILLS_ITSELF),
];

const INT_TO_GROUP: &[Step] = &[Step("ready", To::Group, libc::SIGINT)];

pub const GROUPS: &[Case] = &[
    case("in the foreground", &["--foreground", "0.05", "sleep", "1000"], Exit(124)),
    case("INT to the shell's", &["--foreground", "60", "sh", "-c", TIDY], Exit(0))
        .entry("trap : INT; timeout \"$@\"; echo \"status $?\"")
        .steps(INT_TO_GROUP)
        .prints("ready\nstatus 4\n"),
    case("INT to the shell's, not in the foreground", &["60", "sh", "-c", TIDY], Exit(0))
        .entry("trap : INT; timeout \"$@\"; echo \"status $?\"")
        .steps(INT_TO_GROUP)
        .prints("ready\nstatus 4\n")
        .theirs(Theirs::NotAsked("It leaves the shell's group, where the signal never finds it.")),
    case(
        "INT ignored by the shell",
        &["--foreground", "60", "sh", "-c", TIDY],
        Killed(libc::SIGHUP),
    )
    .entry("trap '' INT; timeout \"$@\"; :")
    .steps(&[Step("ready", To::Group, libc::SIGINT), Step("", To::Group, libc::SIGHUP)])
    .prints_anything()
    .theirs(Theirs::NotAsked("Some versions catch what was ignored, and hand it on.")),
    case("members obey", &["0.05", "sh", "-c", "sleep 1000 & sleep 1000"], Exit(124)),
    case("a member has ended", &["0.05", "sh", "-c", "true & sleep 1000"], Exit(124)),
    case("the inner limit", &["60", "timeout", "0.05", "sleep", "1000"], Exit(124)),
    case("the outer limit", &["0.1", "timeout", "60", "sleep", "1000"], Exit(124)),
    case("the outer KILL", &["-s9", "-k9", "60", "timeout", "60", "sh", "-c", DEAF], KILLED)
        .steps(LIMIT_WHEN_READY)
        .prints("ready\n")
        .theirs(Theirs::NotAsked("It leaves the command of the inner one running for ever.")),
];

pub const CASCADES: &[Case] =
    &[case("ALRM to the outer one", CASCADE, Exit(4)).steps(LIMIT_WHEN_READY).prints("ready\n")];

/// The outer one's ALRM is the inner one's limit, and the command gets the inner one's INT.
const CASCADE: &[&str] = &[
    "--preserve-status",
    "-sALRM",
    "60",
    "timeout",
    "--preserve-status",
    "-sINT",
    "60",
    "sh",
    "-c",
    TIDY,
];

/// Spellings, the arguments that they stand in as `X`, and how that ends.
#[rustfmt::skip]
pub const SPELLINGS: &[(&[&str], &[&str], End)] = &[
    (&[
        "60", "60s", "1m", "1h", "1d", "60.", "10.34", "59.999999999", "+60", " 60", "1e3", "1e3s",
        "2.34e+5d", "0x10", "0x1p6", "0X1P6", "0x1p1d", "inf", "INF", "infinity", "infd", "1e400",
        "1e10000", "1e10000d", "4294967296", "9223372036854775808d", "99999999999999999999",
        "0", "0.0", "0s", "0d", "-0", "0e9", "0x0",
    ], &["--", "X", "sh", "-c", "exit 3"], Exit(3)),
    (&[
        "0.05", ".05", "0.05s", "5e-2s", "0.001m", "0.00001h", "0.000001d", "0x.1", "0x0.1d",
        "0x1p-4", "1e-100", ".0000000001",
    ], &["X", "sleep", "1000"], Exit(124)),
    (&[
        "", " ", "invalid", "xyz", "'1", "10\u{20ac}", "42D", "5S", "5x", "1M", "1ss", "1sm", "60 ",
        "1e", "1e+", "1,5", "1_0", "0x", "0xg", "0b1", ".", "s", "nan", "-1", "-0.1", "-1e400",
        "-inf", "--1",
    ], &["--", "X", "echo", "started"], Exit(125)),
    (&[
        "HUP", "SIGHUP", "hup", "sigHup", "1", "0", "EXIT", "64", "RTMIN", "rtmin+2", "RTMAX",
        "SIGRTMAX-1", "IOT", "CLD", "POLL", "KILL", "STOP",
    ], &["-s", "X", "60", "sh", "-c", "exit 3"], Exit(3)),
    (&[
        "", "SIG", "FOO", "invalid", "MONKEY", "-1", "+1", "32", "65", "1000", "RTMIN-1", "RTMAX+1",
        "RTMIN+99", "TERM,KILL", " HUP", "SIGSIGHUP", "SIGBREAK",
    ], &["-s", "X", "60", "echo", "started"], Exit(125)),
];
