/*
 * hostile_fixture.h: texts that a stranger may put into a result folder, for the tests of the page:
 * each must stay text, in whatever place it stands.
 */
#ifndef NANOLAB_HARNESS_HOSTILE_FIXTURE_H
#define NANOLAB_HARNESS_HOSTILE_FIXTURE_H

static const char *const hostile[] = {
    "<script>alert(1)</script>",
    "</td></tr></table><script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![i](http://evil.example/i.png)",
    "]( javascript:alert(1)) [x]: http://evil.example",
    "<img src=x onerror=alert(1)>",
    "<p><img src=\"01-float-staging/plots/speed.svg\" alt=\"\" /></p>",
    "<a href='data:text/html,x'>x</a>",
    "`code` ``code`` ~~~ ```",
    "| a | b |",
    "a | b \\| c \\\\| d",
    "**bold** *it* __b__ _i_ ~~s~~",
    "&lt;script&gt; &#60; &amp;",
    "# heading",
    "- list",
    "+ list",
    "1. list",
    "1) list",
    "=====",
    "-----",
    "> quote",
    "https://evil.example/ www.evil.example mailto:a@evil.example",
    "<https://evil.example>",
    "$x^2$ {{ site.title }} {% raw %}",
    ":smile: @somebody #1",
    "\\*not escaped\\* \\[x\\](y) \\",
    "<!-- comment --> <![CDATA[ x ]]> <?php ?>",
    "plain words, 1,234 of 5,678 (100 %) at n = 2^20; it's fine",
    "1.5 of 2. 12) and -3 -- +4 =5 > 6",
    "# a # b #",
    ":x: :a_b+c: cuda:0 a: b:c ::",
    "Www.evil.example (www.evil.example) _www.evil.example",
    "f32.none.plain.a1.i1.b32.g16 w.w ww.w wwww.w",
    "ftp://a.b http://a.b/c?d=e&amp=f#g xmpp:a@b.c",
    "* a *b* * c* ***",
    "--- *** ___ | --- | :-: |",
    "a@b@c @@ @",
    "[x] [ ] [^1] [^1]: x [a]: b",
    "!![a](b) ![[a]]",
    "\\| \\\\| \\`x` \\<b>",
    "{{{% if %}}} {%% {",
    "~x~ ~~~~ ~a",
    "&copy; &copy & R&D &#x3c; &#; &",
};

#endif
