/* decoder_questions.c: questions of six kinds, for labs on the text of a model. Written for this.
 */
#include "kernels/decoder/decoder_text.h"

static const struct decoder_question questions[] = {
    {"fact", "What is the capital of Portugal, and what is it known for?"},
    {"story", "Write a short story about a lighthouse keeper who finds a letter."},
    {"list", "List ten things to pack for a week in the mountains."},
    {"code", "Write a Python function that counts the words of a text."},
    {"advice", "I sleep badly before exams. What can I do?"},
    {"number", "A train leaves at 9:40 and travels 150 km at 60 km/h. When does it arrive?"},

    {"fact", "Why does the sea look blue?"},
    {"story", "Tell me about a dragon who is afraid of fire."},
    {"list", "Name the planets of the solar system, with one fact for each."},
    {"code", "Explain what a hash table is, with an example in C."},
    {"advice", "How should I answer a rude email from a colleague?"},
    {"number", "I buy three books for 12 euros each and pay with 50 euros. What change do I get?"},

    {"fact", "How does a vaccine work?"},
    {"story", "Describe a market on another planet."},
    {"list", "Give me five ideas for a birthday party indoors."},
    {"code", "Write an SQL query for the three largest orders of each customer."},
    {"advice", "Should I learn to play the piano or the guitar?"},
    {"number", "How many minutes are there in a week? Show the steps."},

    {"fact", "Who was Ada Lovelace?"},
    {"story", "Write a poem about the first snow of the year."},
    {"list", "What are the steps for changing a bicycle tube?"},
    {"code", "What is wrong with comparing two floats with ==?"},
    {"advice", "My neighbour's dog barks all night. What should I do?"},
    {"number", "If 8 workers need 6 days, how long do 12 workers need?"},
};

const struct decoder_question *decoder_question(size_t i) {
    return i < sizeof questions / sizeof *questions ? &questions[i] : NULL;
}
