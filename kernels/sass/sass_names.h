/*
 * sass_names.h: opcodes, modifiers and special registers of machine code, as nvdisasm writes them.
 * What is not here is an error of the reader; what is here, the executor may still not run.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_NAMES_H
#define NANOLAB_KERNELS_SASS_SASS_NAMES_H

/* clang-format off */
/* What stands before the first dot. */
#define SASS_OPS(N)                                                                               \
    /* integers */                                                                                \
    N(IADD3) N(IADD) N(IMAD) N(LEA) N(SHF) N(LOP3) N(PLOP3) N(ISETP) N(IMNMX) N(SEL) N(IABS)      \
    N(PRMT) N(FLO) N(POPC) N(BREV) N(MOV) N(VIADD) N(VIMNMX) N(VIMNMX3) N(VIADDMNMX) N(R2P)       \
    N(P2R) N(IDP)                                                                                 \
    /* floating point */                                                                          \
    N(FADD) N(FMUL) N(FFMA) N(FSETP) N(FSEL) N(FMNMX) N(FCHK) N(MUFU) N(DADD) N(DMUL) N(DFMA)     \
    N(DSETP) N(HADD2) N(HMUL2) N(HFMA2) N(F2F) N(F2I) N(I2F) N(I2FP) N(F2FP)                      \
    /* uniform registers */                                                                       \
    N(UIADD3) N(UIMAD) N(ULEA) N(USHF) N(ULOP3) N(UPLOP3) N(UISETP) N(USEL) N(UMOV) N(UPRMT)      \
    N(UFLO) N(UPOPC) N(UBREV) N(UIMNMX) N(UVIMNMX) N(UIABS) N(ULDC) N(LDCU) N(R2UR) N(S2UR)       \
    N(VOTEU) N(REDUX) N(UF2I) N(UI2F) N(UVIADD)                                                   \
    /* matrices */                                                                                \
    N(HMMA) N(IMMA) N(LDSM) N(LDGSTS) N(LDGDEPBAR) N(MOVM)                                              \
    /* special registers, warps */                                                                \
    N(S2R) N(CS2R) N(CS2UR) N(SHFL) N(VOTE)                                                       \
    /* memory */                                                                                  \
    N(LD) N(LDG) N(LDS) N(LDL) N(LDC) N(ST) N(STG) N(STS) N(STL) N(ATOM) N(ATOMG) N(ATOMS)        \
    N(RED) N(REDG) N(QSPC) N(MEMBAR) N(ERRBAR) N(CGAERRBAR) N(CCTL) N(DEPBAR)                     \
    /* flow */                                                                                    \
    N(BRA) N(BRX) N(BRXU) N(JMP) N(CALL) N(RET) N(BSSY) N(BSYNC) N(BREAK) N(WARPSYNC) N(YIELD)    \
    N(BAR) N(B2R) N(EXIT) N(BPT) N(NANOSLEEP) N(NOP) N(ENDCOLLECTIVE)

/* What follows a dot, of an opcode or of a register. The first stands for none. */
#define SASS_MODIFIERS(N)                                                                         \
    N(NONE)                                                                                       \
    /* types and widths */                                                                        \
    N(32) N(64) N(128) N(U8) N(S8) N(U16) N(S16) N(U32) N(S32) N(U64) N(S64) N(F16) N(F32)        \
    N(F64) N(BF16) N(F16x2) N(BF16x2) N(BF16_V2) N(B1) N(B2) N(SX32)                              \
    /* arithmetic */                                                                              \
    N(X) N(HI) N(WIDE) N(MOV) N(IADD) N(SHL) N(LUT) N(MMA) N(FTZ) N(NOFTZ) N(RN) N(RM) N(RP)      \
    N(RZ) N(NTZ) N(TRUNC) N(L) N(R) N(W) N(EX) N(SH) N(PACK_AB) N(NAN) N(MIN) N(MAX) N(INC)       \
    N(DEC) N(ADD) N(OR) N(XOR) N(AND) N(POPC) N(EXCH) N(CAS) N(CAST) N(SPIN) N(IDX) N(PR)         \
    N(H0_H0) N(H1_H1)                                                                             \
    /* matrices */                                                                                \
    N(16816) N(1688) N(1684) N(16832) N(TF32) N(16) N(M88) N(MT88) N(2) N(4) N(ROW) N(COL) N(BYPASS)      \
    N(ZFILL) N(E4M3) N(E5M2) N(UNPACK_B) N(H1) N(4A) N(RELU)                                                          \
    /* MUFU */                                                                                    \
    N(RCP) N(RSQ)                                                                                 \
    /* comparisons */                                                                             \
    N(LT) N(EQ) N(LE) N(GT) N(NE) N(GE) N(LTU) N(EQU) N(LEU) N(GTU) N(NEU) N(GEU) N(NUM)          \
    /* memory */                                                                                  \
    N(E) N(STRONG) N(WEAK) N(GPU) N(CTA) N(SM) N(SYS) N(CONSTANT) N(PRIVATE) N(SC) N(ALL) N(EF)   \
    N(EL) N(LU) N(EU) N(NA) N(S) N(LTC64B) N(LTC128B) N(LTC256B) N(IVALL) N(U)                    \
    /* warps, flow */                                                                             \
    N(DOWN) N(UP) N(BFLY) N(ANY) N(REL) N(NOINC) N(NODEC) N(DIV) N(CONV) N(RECONVERGENT)          \
    N(COLLECTIVE) N(SYNC) N(DEFER_BLOCKING) N(RED) N(RESULT) N(TRAP)

/* clang-format on */

/* Their names, and what nvdisasm writes. */
#define SASS_SPECIALS(X)                                                                           \
    X(ZERO, "SRZ")                                                                                 \
    X(TID_X, "SR_TID.X")                                                                           \
    X(TID_Y, "SR_TID.Y")                                                                           \
    X(TID_Z, "SR_TID.Z")                                                                           \
    X(CTAID_X, "SR_CTAID.X")                                                                       \
    X(CTAID_Y, "SR_CTAID.Y")                                                                       \
    X(CTAID_Z, "SR_CTAID.Z")                                                                       \
    X(CGACTAID, "SR_CgaCtaId")                                                                     \
    X(LANEID, "SR_LANEID")                                                                         \
    X(EQMASK, "SR_EQMASK")                                                                         \
    X(LTMASK, "SR_LTMASK")                                                                         \
    X(LEMASK, "SR_LEMASK")                                                                         \
    X(GTMASK, "SR_GTMASK")                                                                         \
    X(GEMASK, "SR_GEMASK")                                                                         \
    X(CLOCKLO, "SR_CLOCKLO")                                                                       \
    X(CLOCKHI, "SR_CLOCKHI")                                                                       \
    X(GLOBALTIMERLO, "SR_GLOBALTIMERLO")                                                           \
    X(GLOBALTIMERHI, "SR_GLOBALTIMERHI")                                                           \
    X(VIRTUALSMID, "SR_VIRTUALSMID")                                                               \
    X(SWINHI, "SR_SWINHI")

#endif
