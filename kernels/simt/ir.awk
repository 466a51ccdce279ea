# ir.awk: adds calls of the SIMT machine to LLVM assembly that clang made of a kernel file, before
# any pass has run, where its own instrumentation says nothing:
#
#   volatile=1  simt_volatile before each volatile access, so that others may go first where a kernel
#               spins (plain builds; in checked ones -fsanitize=thread does it);
#   aligned=1   simt_aligned before each copy of a struct that is aligned to 8 bytes or more, such as
#               a float4 (checked builds; -fsanitize=alignment sees scalars only).

function bytes(type) {
    if (type ~ /\*$/) return 8
    if (type ~ /^i[0-9]+$/) return int((substr(type, 2) + 7) / 8)
    if (type == "half" || type == "bfloat") return 2
    return type == "double" ? 8 : 4
}

# `operand` is "TYPE* VALUE"; the debug location of the access is the call's too.
function announce(type, operand, stores,   place) {
    place = match($0, /, !dbg ![0-9]+/) ? substr($0, RSTART, RLENGTH) : ""
    printf "  %%simt.volatile.%d = bitcast %s to i8*%s\n", ++count, operand, place
    printf "  call void @simt_volatile(i8* %%simt.volatile.%d, i32 %d, i32 %d)%s\n", count,
           bytes(type), stores, place
}

volatile && /^  %[^ ]+ = load volatile / {
    rest = $0
    sub(/^.*= load volatile /, "", rest)
    sub(/, align [0-9]+.*$/, "", rest)
    comma = index(rest, ", ")
    announce(substr(rest, 1, comma - 1), substr(rest, comma + 2), 0)
}
volatile && /^  store volatile / {
    rest = $0
    sub(/^  store volatile /, "", rest)
    sub(/, align [0-9]+.*$/, "", rest)
    type = rest
    sub(/ .*$/, "", type)
    # The pointer is what follows the last ", TYPE* ".
    at = 0
    while (match(substr(rest, at + 1), ", " type "\\* ")) at += RSTART
    announce(type, substr(rest, at + 2), 1)
}
aligned && /call void @llvm\.memcpy\.p0i8\.p0i8\.i64\(/ {
    # "(i8* align 16 %to, i8* align 16 %from, i64 16, i1 false)"
    rest = $0
    sub(/^.*llvm\.memcpy\.p0i8\.p0i8\.i64\(/, "", rest)
    place = match($0, /, !dbg ![0-9]+/) ? substr($0, RSTART, RLENGTH) : ""
    while (match(rest, /i8\* (noundef |nonnull )*align [0-9]+ %[A-Za-z0-9._]+, /)) {
        piece = substr(rest, RSTART, RLENGTH - 2)
        rest = substr(rest, RSTART + RLENGTH)
        value = piece
        sub(/^.* /, "", value)
        sub(/^.*align /, "", piece)
        sub(/ .*$/, "", piece)
        if (piece + 0 >= 8) {
            printf "  call void @simt_aligned(i8* %s, i32 %d)%s\n", value, piece, place
            checks++
        }
    }
}
# A header of ours may call it too.
/^declare .*@simt_aligned\(/ { declared = 1 }
{ print }
END {
    if (count) print "declare void @simt_volatile(i8*, i32, i32)"
    if (checks && !declared) print "declare void @simt_aligned(i8*, i32)"
}
