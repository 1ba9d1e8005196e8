# SPDX-License-Identifier: Apache-2.0
# Checks every #include of the program against the table of layers.
BEGIN {
    allow["base"] = "base"
    allow["data"] = "base data"
    allow["templates"] = "base data templates"
    allow["net"] = "base net"
    allow["kube"] = "base data net kube"
    allow["control"] = "base data templates net kube control"
    allow["cli"] = "base data templates net kube control cli"
    # Libraries, by the first part of the header's name.
    library["jansson"] = "data templates kube control cli"
    library["yaml"] = "data"
    library["cyaml"] = "data kube"
    library["curl"] = "net cli"
    library["event2"] = "net"
}
function has(list, word) { return (" " list " ") ~ (" " word " ") }
FNR == 1 {
    n = split(FILENAME, part, "/")
    layer = part[1] == "operator" ? part[2] : part[1]
    if (!(layer in allow))
        print FILENAME ": folder " layer " is not in the table"
}
/^[ ]*#[ ]*include[ ]*"/ {
    split($0, quoted, "\"")
    if (!match(quoted[2], /\//))
        print FILENAME ":" FNR ": \"" quoted[2] "\" does not show its layer"
    else if (!has(allow[layer], substr(quoted[2], 1, RSTART - 1)))
        print FILENAME ":" FNR ": " layer " may not use \"" quoted[2] "\""
    if (layer == "kube" && quoted[2] ~ /^data\/(meshgateway|config)/)
        print FILENAME ":" FNR ": kube does not know MeshGateway"
}
/^[ ]*#[ ]*include[ ]*</ {
    name = $0
    sub(/^[^<]*</, "", name)
    sub(/[.\/>].*$/, "", name)
    if ((name in library) && !has(library[name], layer))
        print FILENAME ":" FNR ": " layer " may not use the library " name
}
