"""The programs that only look, with the options under which they do: tables, no code.

What is not listed is taken to change something: a new option of an old program is harmless only when somebody has
read what it does.
"""

import re
from collections.abc import Mapping

SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/")

# No option of these writes a file, starts a program or changes a setting.
ALWAYS = frozenset(
    """
    arch b2sum base32 base64 basename cal cat cksum cmp column comm cut df diff dirname du echo egrep expand expr false
    fgrep findmnt fmt fold free getconf getent grep groups head hexdump id iostat ipcs join jq locale ls lsblk lscpu
    lsmod lsns md5sum mpstat netstat nl nproc nslookup numfmt od paste pgrep pidof printf ps pstree pwd readlink
    realpath rev seq sha1sum sha256sum sha512sum sleep stat strings sum tac tail test tr true tty uname unexpand uptime
    vmstat w wc whereis which who whoami zcat zgrep
    """.split()
)

# These show what a file holds, and so also what it should not.
SHOWING = frozenset(
    """
    awk base32 base64 cat cmp column comm curl cut diff egrep expand fgrep fmt fold gawk grep head hexdump join jq less
    mawk more nl od paste rev rg sed sort strings tac tail tr unexpand uniq wget xxd yq zcat zgrep
    """.split()
)
# These open what they are given, without showing it.
OPENING = frozenset("b2sum cksum md5sum sha1sum sha256sum sha512sum sum tar unzip wc".split())
SECRETS = re.compile(
    r"(^|[/@=:])(g?shadow-?|\.env(\.\w+)?|id_(rsa|dsa|ecdsa|ed25519)(_\w+)?"
    r"|\.(pgpass|netrc|my\.cnf|git-credentials|vault-token)|\.aws/credentials|\.kube/config|\.docker/config\.json"
    r"|kubernetes/[\w-]+\.conf|credentials\.json|[^/]*\.(key|p12|pfx|jks|keystore|kdbx))$"
    r"|/\.ssh/?$|/ssl/private(/|$)|/run/secrets(/|$)|/proc/.*/(environ|mem)$"
    r"|169\.254\.|metadata\.google\.internal|2852039166|0xa9fea9fe|fd00:ec2::",
    re.IGNORECASE,
)
# What the arguments of these name is a secret by itself.
SECRET_WORDS: Mapping[str, str] = {
    "getent": r"\bg?shadow\b",
    "printenv": r"secret|token|passw|key|credential",
    "ps": r"^[a-z]*e[a-z]*\b(?![:,=])|\s(e+w*|w+e+)(\s|$)",
    "redis-cli": r"config\s+get\s.*(pass|auth|\*)",
}
# Reading one of these can itself do something.
DEVICES = re.compile(r"/dev/(?!null$|stdin$)|/proc/kmsg$|/trace_pipe$")

# The options decide. The number is how many words may follow, None for any; one of ``needed`` must be there.
LISTED: Mapping[str, tuple[str, int | None, tuple[str, ...]]] = {
    "sort": ("-b -d -f -g -h -i -M -n -r -R -s -u -V -z -k: -t: --key: --reverse --numeric-sort --unique", None, ()),
    "uniq": ("-c -d -D -i -u -z -f: -s: -w: --count --repeated --unique", 1, ()),
    "xxd": ("-a -b -e -g: -l: -s: -c: -p -u", 1, ()),
    "tree": ("-a -d -f -h -i -s -u -g -D -p -L: -I: -P: --du --dirsfirst", None, ()),
    "hostname": ("-f -i -I -s -d -A --fqdn --ip-address --short", 0, ()),
    "lsof": ("-a -b -h -i -l -n -N -O -P -R -U -V -X -t -c: -p: -u: -d: -F", None, ()),
    "ss": (
        "-a -e -i -l -m -n -o -p -r -s -t -u -w -x -4 -6 -H -O --tcp --udp --listening --numeric --summary",
        None,
        (),
    ),
    "dmesg": ("-T -H -k -u -x -P -t -r -l: -f: --ctime --level: --facility: --since: --until: --nopager", 0, ()),
    "journalctl": (
        """
        -a -b -e -f -k -m -q -r -x -n: -u: -t: -p: -S: -U: -o: -g: -N -F: --no-pager --since: --until: --unit:
        --lines: --output: --priority: --grep: --identifier: --boot --reverse --utc --list-boots --disk-usage
        --no-hostname -#
        """,
        None,
        (),
    ),
    "last": ("-a -d -F -i -w -x -n: -s: -t: -#", None, ()),
    "pidstat": ("-d -h -H -l -r -R -s -t -u -v -w -p: -C: -U", None, ()),
    "sar": ("-A -b -B -d -h -q -r -R -S -u -v -w -W -y -n: -P: -s: -e: -f: -p", None, ()),
    "dig": ("-4 -6 -t: -x: -p: -b: -c: -q:", None, ()),
    "host": ("-a -C -d -l -r -v -4 -6 -t: -W: -R:", None, ()),
    "ping": ("-4 -6 -n -q -D -O -c: -i: -W: -w: -s: -t: -I:", 1, ("-c", "-w")),
    "traceroute": ("-4 -6 -n -I -T -U -m: -w: -q: -p:", 1, ()),
    "tracepath": ("-4 -6 -n -b -m: -p:", 1, ()),
    "file": ("-b -i -L -h -k -z --mime --mime-type --brief", None, ()),
    "tar": ("-t -v -z -j -J -f: --list --verbose --gzip", None, ("-t", "--list")),
    "unzip": ("-l -v -Z", None, ("-l", "-v", "-Z")),
    "yq": ("-r -P -o: -p: -e -N -M -j --output-format: --input-format:", None, ()),
    "nginx": ("-t -T -v -V -q", 0, ("-t", "-T", "-v", "-V")),
    "haproxy": ("-c -v -f:", 0, ("-c", "-v")),
    "top": ("-b -c -H -i -n: -o: -p: -u: -w: -d:", 0, ("-b",)),
    "mount": ("-l -t:", 0, ()),
    "route": ("-n -e -4 -6", 0, ()),
    "arp": ("-a -n -e -v", None, ("-a", "-n")),
    "rg": ("-i -n -w -v -c -l -F -o -S -s -g: -t: -A: -B: -C: -m: -e: --no-heading --hidden", None, ()),
    "dpkg": ("-l -L -s -S", None, ("-l", "-L", "-s", "-S")),
    "rpm": ("-q -a -i -l -f -R --query --all --info --list --changelog", None, ("-q", "--query")),
    "crontab": ("-l", 0, ("-l",)),
    "iptables": ("-L -S -n -v -x -t: --list --list-rules --line-numbers", 1, ("-L", "-S", "--list", "--list-rules")),
    "ip6tables": ("-L -S -n -v -x -t: --list --list-rules --line-numbers", 1, ("-L", "-S", "--list", "--list-rules")),
    "pg_isready": ("-h: -p: -d: -U: -t: -q", 0, ()),
    "pg_lsclusters": ("-h", 0, ()),
    "env": ("", 0, ()),
    "printenv": ("", None, ()),
}

# The first words say what is done: with these it only looks, whatever words follow; none may follow a verb with a !.
# The second text are the options after the verb (* for anything), the third those before it.
VERBS: Mapping[str, tuple[str, str, str]] = {
    "systemctl": (
        """
        status|show|cat|is-active|is-enabled|is-failed|is-system-running|get-default|list-units|list-unit-files|
        list-timers|list-sockets|list-dependencies|list-jobs|list-machines
        """,
        """
        -a -l -q -r -n: -o: -p: -t: --all --full --no-pager --no-legend --plain --failed --user --state: --type:
        --lines: --output: --property: --value --quiet --reverse --after --before
        """,
        "-a -l -q -n: -o: -p: -t: --all --full --no-pager --no-legend --plain --failed --user --state: --type: -r",
    ),
    "kubectl": (
        """
        get|describe|logs|top|version|explain|api-resources|api-versions|events|auth can-i|auth whoami|
        rollout status|rollout history|config current-context|config get-contexts|cluster-info
        """,
        """
        -A -c: -f -h -l: -L: -n: -o: -p -w --all-containers --all-namespaces --client --container:
        --context: --cluster: --field-selector: --ignore-not-found --label-columns: --namespace: --no-headers
        --output: --prefix --previous --request-timeout: --revision: --selector: --show-kind --show-labels
        --since: --since-time: --sort-by: --tail: --timeout: --timestamps --types: --watch --for: --recursive
        --containers --subresource:
        """,
        "-n: --namespace: --context: --cluster: --request-timeout:",
    ),
    "docker": (
        """
        ps|images|inspect|logs|stats|top|version|info|port|diff|history|container ls|container inspect|
        container logs|container top|container stats|container port|image ls|image inspect|image history|
        volume ls|volume inspect|network ls|network inspect|system df|system info|compose ps|compose logs|
        compose top|compose images|compose ls|node ls|node ps|node inspect|service ls|service ps|
        service inspect|service logs|stack ls|stack ps
        """,
        """
        -a -f -l -n: -q -s -t --all --digests --filter: --follow --format: --last: --latest --no-stream
        --no-trunc --quiet --since: --size --tail: --timestamps --until: --type: --details --human
        """,
        "",
    ),
    "helm": (
        "list|ls|status|history|get notes|show chart|show values|search repo|version|repo list",
        """
        -a -A -n: -o: -q -f: -l: --all --all-namespaces --deployed --failed --filter: --max: --namespace:
        --output: --pending --revision: --short --kube-context: --version: --versions
        """,
        "-n: --namespace: --kube-context:",
    ),
    "terraform": (
        "validate|version|providers!|providers schema!|state list|workspace show|workspace list",
        "-json -no-color",
        "",
    ),
    "promtool": (
        "query instant|query range|query series|query labels|check config|check rules",
        "--start: --end: --step: -o:",
        "",
    ),
    "amtool": (
        "alert query|silence query|config routes|check-config",
        "--alertmanager.url: -o: --output:",
        "--alertmanager.url: -o: --output:",
    ),
    "redis-cli": (
        """
        ping|info|dbsize|get|mget|exists|ttl|pttl|type|strlen|llen|lrange|lindex|scard|sismember|smembers|zcard|
        zrange|zscore|hget|hmget|hgetall|hlen|hkeys|hexists|scan|sscan|hscan|zscan|slowlog get|slowlog len|
        client list|client info|config get|memory usage|memory stats|memory doctor|latency latest|
        latency doctor|lastsave|time|role|cluster info|cluster nodes|xlen|xinfo stream|object encoding|
        object idletime|command count
        """,
        "*",
        "-h: -p: -n: -t: --raw --no-raw --csv --tls --no-auth-warning",
    ),
    "apt": ("list|show|policy|search", "--installed --upgradable -a", ""),
    "apt-cache": ("policy|show|search|depends|rdepends", "", ""),
    "chronyc": ("tracking|sources|sourcestats|activity", "-n -v", "-n"),
    "rabbitmqctl": (
        "status|cluster_status|list_queues|list_connections|list_channels|list_consumers|node_health_check",
        "-q -p:",
        "-q",
    ),
    "mysqladmin": (
        "ping!|status!|extended-status!|processlist!|variables!|version!",
        "-h: -P: -u: -i: -c: -r",
        "-h: -P: -u: -i: -c: -r",
    ),
}

# All words together must look like this.
PATTERNS: Mapping[str, tuple[str, str]] = {
    "ip": (
        r"(a|addr|address|l|link|r|ro|route|n|neigh|neighbour|ru|rule)( (show|list|ls)( .*)?)?|route get .*",
        "-4 -6 -s -d -j -p -br -brief -c -o -details -statistics -json -oneline -stats",
    ),
    "service": (r"[\w@.-]+ status", ""),
    "aws": (
        r"[a-z0-9-]+ (describe|list)-[a-z-]+|s3 ls( s3://\S+)?|sts get-caller-identity|logs filter-log-events",
        """
        --region: --profile: --output: --query: --no-cli-pager --instance-ids: --filters: --max-items:
        --cluster: --service: --services: --name: --names: --log-group-name: --db-instance-identifier:
        --load-balancer-arns: --target-group-arn: --auto-scaling-group-names: --stack-name: --function-name:
        --queue-url: --tasks:
        """,
    ),
    "gcloud": (
        (
            r"(compute (instances|disks|networks|firewall-rules|addresses|forwarding-rules|backend-services|snapshots"
            r"|zones|instance-groups( managed)?)|container (clusters|node-pools|operations)|sql (instances|databases"
            r"|operations)|run (services|revisions|jobs)|app (services|versions|instances)|functions|redis instances"
            r"|pubsub (topics|subscriptions)|projects|services|logging (logs|sinks|metrics)|builds"
            r"|deploy (releases|rollouts)|dns (managed-zones|record-sets)|iam (roles|service-accounts))"
            r" (list|describe)( [\w.-]+)?"
        ),
        "--format: --project: --zone: --region: --filter: --limit:",
    ),
    "supervisorctl": (r"status( [\w.:-]+)*|version|avail|pid", ""),
    "timedatectl": (r"(status|show|timesync-status)?", ""),
    "hostnamectl": (r"(status)?", ""),
    "loginctl": (r"(list-sessions|list-users)?", "--no-pager"),
    "nft": (r"list ruleset|list tables|list (table|chain)( \w+){1,3}", "-a -n -j"),
    "openssl": (
        r"x509|version",
        "-noout -text -dates -enddate -startdate -subject -issuer -serial -fingerprint -in: -inform: -checkend:",
    ),
    "apachectl": (r"configtest|status|", "-t -S -v"),
}

GIT = """
    -C: -a -b -i -n: -p -q -r -s -t -v -w -z -# -L: -S: -G: --all --abbrev-commit --author: --cached --date:
    --decorate --first-parent --follow --format: --graph --grep: --max-count: --merges --name-only --name-status
    --no-merges --no-pager --numstat --oneline --patch --porcelain --pretty: --short --shortstat --since: --stat
    --staged --summary --tags --until: --word-diff --exit-code
    """
GIT_LOOKS = frozenset(
    """
    blame cat-file count-objects describe diff log ls-files ls-tree merge-base name-rev rev-list rev-parse shortlog show
    status
    """.split()
)
GIT_LISTS: Mapping[str, tuple[str, str]] = {
    "branch": (r"", "-a -r -v --list --show-current --all"),
    "tag": (r"", "-l -n --list"),
    "remote": (r"(show)?", "-v"),
    "config": (r"[\w.-]*", "--get --list -l"),
    "stash": (r"list", ""),
    "worktree": (r"list", ""),
    "reflog": (r"(show( \S+)?)?", "-n: -#"),
}

DATE = "-u -R -I -Ins -Iseconds -Iminutes -Ihours -d: -r: --date: --utc --iso-8601 --rfc-3339: --rfc-email"
CURL = """
    -s -S -f -L -I -G -k -v -i -g -4 -6 -N -# -m: -w: -H: -A: -e: -u: -r: -y: -Y: --silent --show-error --fail
    --head --location --include --insecure --verbose --get --compressed --http1.1 --http2 --no-buffer --ipv4
    --ipv6 --max-time: --connect-timeout: --write-out: --header: --user-agent: --user: --retry: --retry-delay:
    --range: --cacert: --resolve: --max-redirs: --fail-with-body --no-progress-meter --url: -X: --request: -o:
    --output:
    """
WGET = "-q -S -nv -O: -T: -t: --spider --quiet --timeout: --tries: --header: --server-response --output-document:"
SQL_CLIENTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "psql": (
        "postgres",
        """
        -A -t -x -X -q -w -e -h: -p: -U: -d: -F: -R: -c: --csv --tuples-only --expanded --no-psqlrc --quiet
        --no-align --no-password --host: --port: --username: --dbname: --command: --field-separator:
        """,
        ("-c", "--command"),
    ),
    "mysql": (
        "mysql",
        """
        -N -B -t -s -r -E -X -h: -P: -u: -D: -e: --batch --silent --skip-column-names --table --vertical --raw
        --host: --port: --user: --database: --execute: --connect-timeout: --protocol: --default-character-set:
        """,
        ("-e", "--execute"),
    ),
}
SQL_PLACES = frozenset("-h -d -D -U -u -p -P --host --port --username --user --dbname --database".split())
FIND_TESTS = frozenset(
    """
    -amin -anewer -atime -cmin -cnewer -ctime -depth -daystart -empty -executable -false -fstype -gid -group -ilname
    -iname -inum -ipath -iregex -links -lname -ls -maxdepth -mindepth -mmin -mount -mtime -name -newer -newermt -nogroup
    -noleaf -not -nouser -o -or -a -and -path -perm -print -print0 -printf -prune -quit -readable -regex -regextype
    -samefile -size -true -type -uid -used -user -wholename -writable -xdev -xtype -L -P -H -follow
    """.split()
)
SED = re.compile(
    r"((\d+|\$|/[^/\\]*/)(,(\d+|\$|/[^/\\]*/))?)?([pdq=]|s([/|#,])(?:(?!\6)[^\n])*\6(?:(?!\6)[^\n])*\6[gIip\d]*)"
)
