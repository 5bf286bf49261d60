#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make docs/host-calls.md from sentry/host/calls.h: calls-doc.py calls.h [--check PAGE]"""
import re
import sys

text = open(sys.argv[1]).read()


def section(macro):
    body = re.search(r'#define %s\(.*?\)(.*?)(?:\n\n|\Z)' % macro, text, re.S).group(1)
    return re.findall(r'(?:CALL|RULE)\((\w+), (?:\w+, )?"(.*?)"\)', body)


def table(rows):
    out = '| call | why |\n| --- | --- |\n'
    return out + ''.join('| %s | %s |\n' % row for row in rows)


base, net, deadly = section('HOST_CALLS'), section('HOST_NET_CALLS'), section('HOST_DEADLY')
page = '''# Host calls of the sentry

Made from sentry/host/calls.h by sentry/host/calls-doc.py; do not edit. Once locked down the sentry can make these calls
and no others: an unlisted call fails with ENOSYS, and those at the end kill it. Argument checks are in
sentry/host/calls-filter.c.

## Always: %d

%s
## With a network: %d more

%s
## Deadly

%s
''' % (len(base), table(base), len(net), table(net), ', '.join(name for name, _ in deadly))
if len(sys.argv) > 3 and sys.argv[2] == '--check':
    if open(sys.argv[3]).read() != page:
        sys.exit('%s is not what %s says: run sentry/host/calls-doc.py' % (sys.argv[3], sys.argv[1]))
else:
    sys.stdout.write(page)
