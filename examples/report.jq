# What went wrong in which run, for people: jq -r -f report.jq REPORT

def line: "\(.pid) \(.command // [.name] | join(" "))";

select(.exit_status != 0 or .lingering != [])
| "\(.started) \(.command | join(" ")): \(.outcome), status \(.exit_status), \(.elapsed_ms / 1000) s",
  (.snapshot[]
    | "  was running: \(line)" + if .wait then ", waiting in \(.wait)" else "" end,
      (.sockets[] | "    \(.protocol) \(.local) → \(.remote) \(.state)")),
  (.lingering[] | "  was left: \(line)")
