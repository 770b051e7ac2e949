/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Lists in the preprocessor: counting arguments, and one macro applied to each of them.
 *
 * Enumerated rather than recursive: a mistake in a message is then reported in three lines instead
 * of thirty. At most 64 arguments. Plain C11: no __VA_OPT__, no empty variadic argument. */
#ifndef NOH_PP_H
#define NOH_PP_H

#define NOH_PP_CAT(a, b) NOH_PP_CAT_(a, b)
#define NOH_PP_CAT_(a, b) a##b
#define NOH_PP_UNWRAP(...) __VA_ARGS__
#define NOH_PP_APPLY(m, ...) m(__VA_ARGS__)

/* The first of one or more arguments. */
#define NOH_PP_FIRST(...) NOH_PP_FIRST_(__VA_ARGS__, ~)
#define NOH_PP_FIRST_(first, ...) first

/* clang-format off */
/* How many arguments: 1 to 64. */
#define NOH_PP_COUNT(...) NOH_PP_COUNT_(__VA_ARGS__, \
    64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, \
    41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, \
    18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define NOH_PP_COUNT_( \
    _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, _19, _20, \
    _21, _22, _23, _24, _25, _26, _27, _28, _29, _30, _31, _32, _33, _34, _35, _36, _37, _38, \
    _39, _40, _41, _42, _43, _44, _45, _46, _47, _48, _49, _50, _51, _52, _53, _54, _55, _56, \
    _57, _58, _59, _60, _61, _62, _63, _64, count, ...) count

/* 1 for exactly 1 argument, N for more. */
#define NOH_PP_MANY(...) NOH_PP_COUNT_(__VA_ARGS__, \
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, \
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, \
    N, N, N, 1, X)

/* 2 for exactly 2 arguments, N for more. */
#define NOH_PP_MANY2(...) NOH_PP_COUNT_(__VA_ARGS__, \
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, \
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, \
    N, N, 2, X, X)

/* m(c, x) for each x, in order. */
#define NOH_PP_EACH(m, c, ...) \
    NOH_PP_CAT(NOH_PP_EACH_, NOH_PP_COUNT(__VA_ARGS__))(m, c, __VA_ARGS__)
#define NOH_PP_EACH_1(m, c, x) m(c, x)
#define NOH_PP_EACH_2(m, c, x, ...) m(c, x) NOH_PP_EACH_1(m, c, __VA_ARGS__)
#define NOH_PP_EACH_3(m, c, x, ...) m(c, x) NOH_PP_EACH_2(m, c, __VA_ARGS__)
#define NOH_PP_EACH_4(m, c, x, ...) m(c, x) NOH_PP_EACH_3(m, c, __VA_ARGS__)
#define NOH_PP_EACH_5(m, c, x, ...) m(c, x) NOH_PP_EACH_4(m, c, __VA_ARGS__)
#define NOH_PP_EACH_6(m, c, x, ...) m(c, x) NOH_PP_EACH_5(m, c, __VA_ARGS__)
#define NOH_PP_EACH_7(m, c, x, ...) m(c, x) NOH_PP_EACH_6(m, c, __VA_ARGS__)
#define NOH_PP_EACH_8(m, c, x, ...) m(c, x) NOH_PP_EACH_7(m, c, __VA_ARGS__)
#define NOH_PP_EACH_9(m, c, x, ...) m(c, x) NOH_PP_EACH_8(m, c, __VA_ARGS__)
#define NOH_PP_EACH_10(m, c, x, ...) m(c, x) NOH_PP_EACH_9(m, c, __VA_ARGS__)
#define NOH_PP_EACH_11(m, c, x, ...) m(c, x) NOH_PP_EACH_10(m, c, __VA_ARGS__)
#define NOH_PP_EACH_12(m, c, x, ...) m(c, x) NOH_PP_EACH_11(m, c, __VA_ARGS__)
#define NOH_PP_EACH_13(m, c, x, ...) m(c, x) NOH_PP_EACH_12(m, c, __VA_ARGS__)
#define NOH_PP_EACH_14(m, c, x, ...) m(c, x) NOH_PP_EACH_13(m, c, __VA_ARGS__)
#define NOH_PP_EACH_15(m, c, x, ...) m(c, x) NOH_PP_EACH_14(m, c, __VA_ARGS__)
#define NOH_PP_EACH_16(m, c, x, ...) m(c, x) NOH_PP_EACH_15(m, c, __VA_ARGS__)
#define NOH_PP_EACH_17(m, c, x, ...) m(c, x) NOH_PP_EACH_16(m, c, __VA_ARGS__)
#define NOH_PP_EACH_18(m, c, x, ...) m(c, x) NOH_PP_EACH_17(m, c, __VA_ARGS__)
#define NOH_PP_EACH_19(m, c, x, ...) m(c, x) NOH_PP_EACH_18(m, c, __VA_ARGS__)
#define NOH_PP_EACH_20(m, c, x, ...) m(c, x) NOH_PP_EACH_19(m, c, __VA_ARGS__)
#define NOH_PP_EACH_21(m, c, x, ...) m(c, x) NOH_PP_EACH_20(m, c, __VA_ARGS__)
#define NOH_PP_EACH_22(m, c, x, ...) m(c, x) NOH_PP_EACH_21(m, c, __VA_ARGS__)
#define NOH_PP_EACH_23(m, c, x, ...) m(c, x) NOH_PP_EACH_22(m, c, __VA_ARGS__)
#define NOH_PP_EACH_24(m, c, x, ...) m(c, x) NOH_PP_EACH_23(m, c, __VA_ARGS__)
#define NOH_PP_EACH_25(m, c, x, ...) m(c, x) NOH_PP_EACH_24(m, c, __VA_ARGS__)
#define NOH_PP_EACH_26(m, c, x, ...) m(c, x) NOH_PP_EACH_25(m, c, __VA_ARGS__)
#define NOH_PP_EACH_27(m, c, x, ...) m(c, x) NOH_PP_EACH_26(m, c, __VA_ARGS__)
#define NOH_PP_EACH_28(m, c, x, ...) m(c, x) NOH_PP_EACH_27(m, c, __VA_ARGS__)
#define NOH_PP_EACH_29(m, c, x, ...) m(c, x) NOH_PP_EACH_28(m, c, __VA_ARGS__)
#define NOH_PP_EACH_30(m, c, x, ...) m(c, x) NOH_PP_EACH_29(m, c, __VA_ARGS__)
#define NOH_PP_EACH_31(m, c, x, ...) m(c, x) NOH_PP_EACH_30(m, c, __VA_ARGS__)
#define NOH_PP_EACH_32(m, c, x, ...) m(c, x) NOH_PP_EACH_31(m, c, __VA_ARGS__)
#define NOH_PP_EACH_33(m, c, x, ...) m(c, x) NOH_PP_EACH_32(m, c, __VA_ARGS__)
#define NOH_PP_EACH_34(m, c, x, ...) m(c, x) NOH_PP_EACH_33(m, c, __VA_ARGS__)
#define NOH_PP_EACH_35(m, c, x, ...) m(c, x) NOH_PP_EACH_34(m, c, __VA_ARGS__)
#define NOH_PP_EACH_36(m, c, x, ...) m(c, x) NOH_PP_EACH_35(m, c, __VA_ARGS__)
#define NOH_PP_EACH_37(m, c, x, ...) m(c, x) NOH_PP_EACH_36(m, c, __VA_ARGS__)
#define NOH_PP_EACH_38(m, c, x, ...) m(c, x) NOH_PP_EACH_37(m, c, __VA_ARGS__)
#define NOH_PP_EACH_39(m, c, x, ...) m(c, x) NOH_PP_EACH_38(m, c, __VA_ARGS__)
#define NOH_PP_EACH_40(m, c, x, ...) m(c, x) NOH_PP_EACH_39(m, c, __VA_ARGS__)
#define NOH_PP_EACH_41(m, c, x, ...) m(c, x) NOH_PP_EACH_40(m, c, __VA_ARGS__)
#define NOH_PP_EACH_42(m, c, x, ...) m(c, x) NOH_PP_EACH_41(m, c, __VA_ARGS__)
#define NOH_PP_EACH_43(m, c, x, ...) m(c, x) NOH_PP_EACH_42(m, c, __VA_ARGS__)
#define NOH_PP_EACH_44(m, c, x, ...) m(c, x) NOH_PP_EACH_43(m, c, __VA_ARGS__)
#define NOH_PP_EACH_45(m, c, x, ...) m(c, x) NOH_PP_EACH_44(m, c, __VA_ARGS__)
#define NOH_PP_EACH_46(m, c, x, ...) m(c, x) NOH_PP_EACH_45(m, c, __VA_ARGS__)
#define NOH_PP_EACH_47(m, c, x, ...) m(c, x) NOH_PP_EACH_46(m, c, __VA_ARGS__)
#define NOH_PP_EACH_48(m, c, x, ...) m(c, x) NOH_PP_EACH_47(m, c, __VA_ARGS__)
#define NOH_PP_EACH_49(m, c, x, ...) m(c, x) NOH_PP_EACH_48(m, c, __VA_ARGS__)
#define NOH_PP_EACH_50(m, c, x, ...) m(c, x) NOH_PP_EACH_49(m, c, __VA_ARGS__)
#define NOH_PP_EACH_51(m, c, x, ...) m(c, x) NOH_PP_EACH_50(m, c, __VA_ARGS__)
#define NOH_PP_EACH_52(m, c, x, ...) m(c, x) NOH_PP_EACH_51(m, c, __VA_ARGS__)
#define NOH_PP_EACH_53(m, c, x, ...) m(c, x) NOH_PP_EACH_52(m, c, __VA_ARGS__)
#define NOH_PP_EACH_54(m, c, x, ...) m(c, x) NOH_PP_EACH_53(m, c, __VA_ARGS__)
#define NOH_PP_EACH_55(m, c, x, ...) m(c, x) NOH_PP_EACH_54(m, c, __VA_ARGS__)
#define NOH_PP_EACH_56(m, c, x, ...) m(c, x) NOH_PP_EACH_55(m, c, __VA_ARGS__)
#define NOH_PP_EACH_57(m, c, x, ...) m(c, x) NOH_PP_EACH_56(m, c, __VA_ARGS__)
#define NOH_PP_EACH_58(m, c, x, ...) m(c, x) NOH_PP_EACH_57(m, c, __VA_ARGS__)
#define NOH_PP_EACH_59(m, c, x, ...) m(c, x) NOH_PP_EACH_58(m, c, __VA_ARGS__)
#define NOH_PP_EACH_60(m, c, x, ...) m(c, x) NOH_PP_EACH_59(m, c, __VA_ARGS__)
#define NOH_PP_EACH_61(m, c, x, ...) m(c, x) NOH_PP_EACH_60(m, c, __VA_ARGS__)
#define NOH_PP_EACH_62(m, c, x, ...) m(c, x) NOH_PP_EACH_61(m, c, __VA_ARGS__)
#define NOH_PP_EACH_63(m, c, x, ...) m(c, x) NOH_PP_EACH_62(m, c, __VA_ARGS__)
#define NOH_PP_EACH_64(m, c, x, ...) m(c, x) NOH_PP_EACH_63(m, c, __VA_ARGS__)
/* clang-format on */

#endif
