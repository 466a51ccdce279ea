# kernel_rules.awk: what a stranger's kernel may hold, read off its LLVM assembly before anything
# is optimised. It runs in one process with the SIMT machine, which checks and counts what it does;
# so it may do nothing that the machine does not see, and change nothing of the machine.
#
#   awk -v kernel=NAME -f kernel_rules.awk NAME.ll
#
# Prints what is wrong, in words that follow "It", and exits with 1; or prints nothing.
function refuse(why) {
    if (!said) print why
    said = 1
}
function name_of(text) {
    sub(/^[^@]*@/, "", text)
    if (text ~ /^"/) { sub(/^"/, "", text); sub(/".*$/, "", text) }
    else sub(/[^A-Za-z0-9_.$].*$/, "", text)
    return text
}

/^module asm/ { refuse("holds assembly, which nothing can look into.") }
/^[ ].*(call|invoke|callbr) .* asm / { refuse("holds assembly, which nothing can look into.") }
# A call has to name a function; a jump, a place of its own.
/^[ ].*(call|invoke) / && !/@("[^"]*"|[A-Za-z0-9_.$]+)\(/ && !/ asm / {
    refuse("calls a function by its address.")
}
/^[ ]*indirectbr / { refuse("jumps to an address.") }
/^@llvm\.global_[cd]tors/ { refuse("runs code before or after its kernels, or sets a variable by it.") }
/^@.* = .*(alias|ifunc) / { refuse("gives a function a second name.") }

# Shared memory is thread_local here; constants are constants; what has a number for a name is
# the compiler's own, for its checks.
/^@/ && !/^@llvm\./ && !/^@[0-9]+ = private / && / global / && !/thread_local/ {
    name = name_of($0)
    if (/ external global /) refuse("uses a variable that is not its own (" name ").")
    else
        refuse("keeps a variable (" name ") from one launch to the next; a kernel has what it is " \
               "given.")
}

/^define / {
    name = name_of($0)
    group = match($0, /#[0-9]+/) ? substr($0, RSTART, RLENGTH) : "none"
    defined[name] = 1
    of_group[group] = 1
    if (name == kernel) found = 1
    hidden = $0 ~ /^define (internal|private|linkonce|linkonce_odr|weak_odr) /
    if (!hidden && name != kernel && (name !~ /^_Z/ || name ~ /^_ZN4simt/))
        refuse("defines " name ", which is not its own: it may define " kernel " and functions of " \
               "its own.")
}

/^declare / { declared[name_of($0)] = 1 }

/^attributes #[0-9]+ = / {
    if (/sanitize_thread/ && !/disable_sanitizer_instrumentation/ && !/ naked /) seen[$2] = 1
}

END {
    for (name in declared) {
        if (defined[name]) continue
        if (name ~ /^llvm\.(frameaddress|returnaddress|addressofreturnaddress|read_|write_|eh\.|sp|init\.|adjust\.|localescape|localrecover|gcroot)/)
            refuse("asks for its own stack (" name ").")
        else if (name !~ /^llvm\./ &&
                 name !~ /^simt_(self|barrier|warp|active_mask|atomic|fence|aligned|volatile)$/ &&
                 name !~ /^simt_(load|store)_u(32|64)$/ &&
                 name !~ /^simt_(half|double|bfloat)_(to_float|to_half|to_bfloat|fma|to_[iu](32|64))$/ &&
                 name !~ /^simt_to_[iu](32|64)$/ &&
                 name !~ /^mem(cpy|set|move)$/ && name !~ /^__ubsan_handle_/ &&
                 name !~ /^(fmin|fmax|fma|fabs|fmod|sqrt|exp|exp2|log|log2|pow|sin|cos|floor|ceil|trunc|rint|round|copysign)f?$/)
            refuse("calls " name ", which is no part of what a kernel of an exercise may use.")
    }
    for (group in of_group)
        if (!seen[group]) refuse("keeps the machine from seeing what some of its functions do.")
    if (!found) refuse("defines no kernel " kernel ".")
    exit said
}
