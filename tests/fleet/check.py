# SPDX-License-Identifier: Apache-2.0
"""Elasticsearch's template against real records; Grafana's dashboards for form,
metrics and queries; YAML for being that. usage: check.py TOP WORK

Writes the dashboards' PromQL as rules to WORK/queries.yml, for promtool.
"""
import datetime
import ipaddress
import json
import re
import sys
from pathlib import Path

top, work = Path(sys.argv[1]), Path(sys.argv[2])
wrong = []


def expect(condition, what):
    if not condition:
        wrong.append(what)


# ---- Elasticsearch ----

def is_ip(v):
    try:
        return bool(ipaddress.ip_address(v))
    except ValueError:
        return False


def is_date(v):
    try:
        return bool(datetime.datetime.fromisoformat(v.replace("Z", "+00:00")))
    except ValueError:
        return False


FITS = {
    "keyword": lambda v: isinstance(v, str) and len(v) < 32766,
    "constant_keyword": lambda v: isinstance(v, str),
    "long": lambda v: type(v) is int,
    "boolean": lambda v: isinstance(v, bool),
    "ip": lambda v: isinstance(v, str) and is_ip(v),
    "date": lambda v: isinstance(v, str) and is_date(v),
}


def walk(value, mapping, path, seen):
    if isinstance(value, list):
        for v in value:
            walk(v, mapping, path, seen)
    elif mapping.get("type") == "flattened":
        seen.add(path)
        expect(isinstance(value, dict), path)
    elif isinstance(value, dict):
        for k, v in value.items():
            known = mapping.get("properties", {}).get(k)
            expect(known is not None, f"the template lacks {path}{k}")
            if known is not None:
                walk(v, known, f"{path}{k}.", seen)
    else:
        seen.add(path)
        fits = FITS.get(mapping.get("type"))
        expect(fits and fits(value),
               f"{path} is no {mapping.get('type')}: {value!r}")


def leaves(mapping, path=""):
    if "properties" in mapping:
        for k, v in mapping["properties"].items():
            yield from leaves(v, f"{path}{k}.")
    else:
        yield path


template = json.loads(
    (top / "contrib/elasticsearch/tlswhy-template.json").read_text())
mappings = template["template"]["mappings"]
seen = set()
records = [json.loads(line) for line in open(work / "records.jsonl")]
expect(len(records) > 100, "too few records")
for r in records:
    walk(r, mappings, "", seen)
# Most of it is used: no field of a name that we do not have.
unused = {leaf for leaf in leaves(mappings)} - seen
expect(len(unused) < 30, f"fields that no record has: {sorted(unused)}")

# ---- Grafana ----

source = (top / "src/report/metrics.c").read_text()
families = dict(re.findall(
    r'family\(p, "(\w+)", "(\w+)"', re.sub(r"\s+", " ", source)))
for kind in ("counter", "gauge"):
    for name in re.findall(rf'\b{kind}\(p, "(\w+)"', source):
        families[name] = kind
metrics = {"process_resident_memory_bytes", "up"}
for name, kind in families.items():
    metrics |= {
        "counter": {f"tlswhy_{name}_total"},
        "histogram": {f"tlswhy_{name}_{s}" for s in ("bucket", "sum", "count")},
    }.get(kind, {f"tlswhy_{name}"})

queries = []


def check_metrics(expr, where):
    for name in re.findall(r"\b(tlswhy_\w+|process_\w+)", expr):
        expect(name in metrics, f"{where}: no metric {name}")


for path in sorted((top / "contrib/grafana").glob("*.json")):
    board = json.loads(path.read_text())
    name = path.name
    expect(board["uid"] and board["title"] and board["schemaVersion"] >= 36, name)
    variables = {v["name"] for v in board["templating"]["list"]}
    expect("datasource" in variables, f"{name}: no data source to choose")
    expect(len({p["id"] for p in board["panels"]}) == len(board["panels"]),
           f"{name}: ids repeat")
    cells = set()
    for p in board["panels"]:
        where = f"{name}: {p['title']}"
        g = p["gridPos"]
        expect(g["x"] + g["w"] <= 24, f"{where}: too wide")
        mine = {(x, y) for x in range(g["x"], g["x"] + g["w"])
                for y in range(g["y"], g["y"] + g["h"])}
        expect(not mine & cells, f"{where}: overlaps")
        cells |= mine
        expect(p["type"] in ("stat", "table", "timeseries"), where)
        expect(p["targets"], f"{where}: no query")
        for t in p["targets"]:
            query = t.get("expr") or t.get("rawSql")
            expect(query, f"{where}: no query")
            for v in re.findall(r"\$\{?(\w+)", query):
                expect(v in variables or v.startswith("__"), f"{where}: ${v}")
            if "expr" in t:
                check_metrics(query, where)
                queries.append(query)

rules = ["groups:", "  - name: dashboards", "    rules:"]
for n, q in enumerate(queries):
    q = re.sub(r"\$__(rate_interval|range)", "5m", q)
    q = q.replace("$instance", ".*")
    rules += [f"      - record: dashboards:query{n}", f"        expr: {json.dumps(q)}"]
(work / "queries.yml").write_text("\n".join(rules) + "\n")
for line in (top / "contrib/prometheus/tlswhy.rules.yml").read_text().splitlines():
    if not line.lstrip().startswith(("#", "summary:", "description:")):
        check_metrics(line, "tlswhy.rules.yml")

# ---- YAML ----

try:
    import yaml
    for path in (top / "contrib").glob("*/*.y*ml"):
        expect(isinstance(yaml.safe_load(path.read_text()), dict), path.name)
except ImportError:
    print("no python3-yaml: YAML is not checked")

for what in dict.fromkeys(wrong):
    print(what)
sys.exit(bool(wrong))
