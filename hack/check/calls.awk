# SPDX-License-Identifier: Apache-2.0
# Prints the lines that call one of the functions `names` (a regular expression), leaving out
# comments, string literals and members of structs.
FNR == 1 { comment = 0 }
{
    line = $0
    gsub(/\\./, "", line)
    gsub(/"[^"]*"/, "\"\"", line)
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
    if (comment) {
        if (!sub(/^.*\*\//, "", line))
            next
        comment = 0
    }
    if (sub(/\/\*.*$/, "", line))
        comment = 1
    sub(/\/\/.*$/, "", line)
    if (line ~ "(^|[^A-Za-z0-9_.>])(" names ")[ ]*\\(")
        print FILENAME ":" FNR ": " $0
}
