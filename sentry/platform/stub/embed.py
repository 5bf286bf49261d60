#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn a file into a C array: embed.py INPUT OUTPUT NAME"""
import sys

data = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'w') as out:
    out.write('static const unsigned char %s[] = {\n' % sys.argv[3])
    for i in range(0, len(data), 16):
        out.write(','.join(str(b) for b in data[i:i + 16]) + ',\n')
    out.write('};\n')
