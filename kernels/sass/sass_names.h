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
    N(PRMT) N(FLO) N(POPC) N(BREV) N(MOV) N(BMSK) N(SGXT) N(VIADD) N(VIMNMX) N(VIMNMX3)           \
    N(VIADDMNMX) N(IDP) N(VABSDIFF) N(VABSDIFF4) N(SHL) N(SHR) N(IADD2) N(R2P) N(P2R)             \
    /* floating point */                                                                          \
    N(FADD) N(FADD2) N(FMUL) N(FMUL2) N(FFMA) N(FFMA2) N(FSETP) N(FSEL) N(FMNMX) N(FMNMX3)        \
    N(FCHK) N(FSET) N(FSWZADD) N(MUFU) N(DADD) N(DMUL) N(DFMA) N(DSETP) N(DMNMX) N(HADD2)         \
    N(HMUL2) N(HFMA2) N(HSETP2) N(HSET2) N(HMNMX2) N(F2F) N(F2I) N(I2F) N(I2FP) N(F2FP) N(F2IP)   \
    N(FRND) N(I2I) N(I2IP)                                                                        \
    /* uniform registers */                                                                       \
    N(UIADD3) N(UIMAD) N(ULEA) N(USHF) N(ULOP3) N(UPLOP3) N(UISETP) N(USEL) N(UMOV) N(UPRMT)      \
    N(UFLO) N(UPOPC) N(UBREV) N(UBMSK) N(USGXT) N(UIMNMX) N(UVIMNMX) N(UIABS) N(ULDC) N(LDCU)     \
    N(R2UR) N(S2UR) N(S2UR64) N(UP2UR) N(UR2UP) N(VOTEU) N(REDUX) N(CREDUX) N(UCLEA) N(UF2FP)     \
    N(UFADD) N(UFMUL) N(UFFMA) N(UFSETP) N(UFSEL) N(UFMNMX) N(UFRND) N(UF2F) N(UF2I) N(UI2F)      \
    N(UI2FP) N(UF2IP) N(UVIADD) N(USETMAXREG) N(UVIRTCOUNT) N(UIADD2)                             \
    /* special registers, warps */                                                                \
    N(S2R) N(CS2R) N(CS2UR) N(SHFL) N(VOTE) N(MATCH) N(ELECT) N(UCGABAR_ARV) N(UCGABAR_WAIT)      \
    /* memory */                                                                                  \
    N(LD) N(LDG) N(LDS) N(LDL) N(LDC) N(ST) N(STG) N(STS) N(STL) N(ATOM) N(ATOMG) N(ATOMS)        \
    N(RED) N(REDG) N(REDS) N(REDAS) N(QSPC) N(MEMBAR) N(FENCE) N(ERRBAR) N(CGAERRBAR) N(CCTL)     \
    N(CCTLL) N(LDGSTS) N(LDGDEPBAR) N(DEPBAR) N(LDSM) N(STSM) N(MOVM) N(ARRIVES) N(SYNCS)         \
    N(UBLKCP) N(UBLKPF) N(UTMALDG) N(UTMASTG) N(ACQBULK) N(ACQSHMINIT)                            \
    /* flow */                                                                                    \
    N(BRA) N(BRX) N(BRXU) N(JMP) N(JMX) N(CALL) N(RET) N(BSSY) N(BSYNC) N(BREAK) N(BMOV)          \
    N(WARPSYNC) N(YIELD) N(BAR) N(B2R) N(EXIT) N(KILL) N(BPT) N(NANOSLEEP) N(NOP)                 \
    N(ENDCOLLECTIVE) N(PMTRIG) N(RPCMOV) N(LEPC) N(PREEXIT) N(WARPGROUP) N(UBAR) N(DEPBAR_ALL)    \
    /* matrices */                                                                                \
    N(HMMA) N(IMMA) N(DMMA) N(BMMA) N(QMMA) N(OMMA) N(HGMMA) N(IGMMA) N(QGMMA)

/* What follows a dot, of an opcode or of a register. The first stands for none. */
#define SASS_MODIFIERS(N)                                                                         \
    N(NONE)                                                                                       \
    /* types and widths */                                                                        \
    N(8) N(16) N(32) N(64) N(128) N(256) N(U8) N(S8) N(U16) N(S16) N(U32) N(S32) N(U64) N(S64)    \
    N(F16) N(F32) N(F64) N(BF16) N(F16x2) N(BF16x2) N(BF16_V2) N(F16_V2) N(TF32) N(E4M3) N(E5M2)  \
    N(B1) N(B2) N(B3) N(B0) N(U4) N(S4) N(U24) N(SX32) N(E8M0) N(E6M2) N(E2M1) N(E3M2) N(E2M3)    \
    N(16x2) N(F32x2) N(16X2) N(U16x2) N(S16x2) N(NOFTZ) N(v2) N(v4) N(F32x4) N(F16x4) N(F16x8)    \
    N(BF16x4) N(BF16x8)                                                                           \
    /* arithmetic */                                                                              \
    N(X) N(HI) N(LO) N(WIDE) N(MOV) N(IADD) N(SHL) N(LUT) N(MMA) N(FTZ) N(SAT) N(RN) N(RM) N(RP)  \
    N(RZ) N(NTZ) N(TRUNC) N(FLOOR) N(CEIL) N(ROUND) N(L) N(R) N(W) N(C) N(EX) N(SH) N(PACK_AB)    \
    N(UNPACK_B) N(MERGE_C) N(PACK_B) N(RELU) N(NAN) N(XORSIGN) N(F4E) N(B4E) N(RC8) N(ECL)        \
    N(ECR) N(RC16) N(MIN) N(MAX) N(INC) N(DEC) N(ADD) N(OR) N(XOR) N(AND) N(POPC) N(EXCH) N(CAS)  \
    N(CAST) N(SPIN) N(SAFEADD) N(IDX) N(UR) N(PR) N(H0_H0) N(H1_H1) N(H1_H0) N(H0) N(H1)          \
    N(B0_B0) N(ACC) N(2A) N(4A) N(SUM) N(SUM_64) N(MIN3) N(MAX3) N(SCALE) N(H0_NH1) N(F) N(T)     \
    N(OFMT) N(CLAMP) N(FTZ_RN) N(REL_ONLY) N(SHARED) N(DIFF) N(F2) N(PSL) N(CSFU)                 \
    /* MUFU */                                                                                    \
    N(RCP) N(RSQ) N(RCP64H) N(RSQ64H) N(SQRT) N(EX2) N(LG2) N(SIN) N(COS) N(TANH)                 \
    /* comparisons */                                                                             \
    N(LT) N(EQ) N(LE) N(GT) N(NE) N(GE) N(LTU) N(EQU) N(LEU) N(GTU) N(NEU) N(GEU) N(NUM)          \
    /* memory */                                                                                  \
    N(E) N(STRONG) N(WEAK) N(GPU) N(CTA) N(SM) N(SYS) N(VC) N(CONSTANT) N(MMIO) N(PRIVATE) N(SC)  \
    N(ALL) N(EF) N(EL) N(LU) N(EU) N(NA) N(S) N(D) N(G) N(LTC64B) N(LTC128B) N(LTC256B) N(IVALL)  \
    N(IVALLP) N(IV) N(PF2) N(PF1) N(RS) N(WB) N(BYPASS) N(ACCESS) N(ZFILL) N(VIEW) N(ASYNC)       \
    N(ASYNC_T) N(ARRIVE) N(TRANS64) N(A1T0) N(A0TR) N(A0T1) N(PHASECHK) N(TRYWAIT) N(LOCAL)       \
    N(LDGSTSBAR) N(TRANSCNT) N(ARVCNT) N(OPTOUT) N(CCTL) N(ONCE) N(DSMEM) N(INVALIDATE) N(U)      \
    N(M88) N(MT88) N(M816) N(MT816) N(1) N(2) N(4) N(T16) N(MN) N(DEPBAR)                         \
    /* warps, flow */                                                                             \
    N(DOWN) N(UP) N(BFLY) N(ANY) N(VTG) N(REL) N(ABS) N(NOINC) N(INC_SP) N(NODEC) N(DIV) N(CONV)  \
    N(RECONVERGENT) N(COLLECTIVE) N(EXCLUSIVE) N(SYNC) N(DEFER_BLOCKING) N(RED) N(ARV)            \
    N(SYNCALL) N(RESULT) N(BAR) N(CLEAR) N(PQUAD) N(TRAP) N(DRAIN) N(INT) N(KEEPREFCOUNT)         \
    N(NOSLEEP) N(OPT) N(QUIET) N(RELIABLE) N(REFLECT) N(SUBREFCOUNT) N(UNIFORM) N(U1) N(LEN)      \
    N(WARP)                                                                                       \
    /* matrices */                                                                                \
    N(884) N(1684) N(1688) N(16816) N(16832) N(16864) N(8816) N(8832) N(88128) N(168128)          \
    N(168256) N(ROW) N(COL) N(SP) N(SAT_FINITE) N(GSB) N(gsb0) N(tnspA) N(tnspB)

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
