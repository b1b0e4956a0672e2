import { unknownName } from "../base/index.js";

/** A language that the kit names. */
export interface Language {
  /** ISO 639-3. */
  readonly code3: string;
  /** ISO 639-1, where there is one (of the macrolanguage, if need be). */
  readonly code2: string | undefined;
  readonly name: string;
  readonly family: string;
  /** ISO 15924, the script of the sets we know. */
  readonly script: string;
  /** Whether text of it was in the pre-training data of XLM-R (Conneau et al. 2020, appendix A). */
  readonly inXlmr: boolean;
  /** ISO 639-3 of the macrolanguage: "swh" (Swahili proper) belongs to "swa". */
  readonly macro: string | undefined;
}

type Row = readonly [code3: string, code2: string, name: string, family: string, script: string, inXlmr: boolean, macro?: string];

const rows: readonly Row[] = [
  ["ace", "", "Acehnese", "Austronesian", "Latn", false],
  ["afr", "af", "Afrikaans", "Indo-European", "Latn", true],
  ["amh", "am", "Amharic", "Afro-Asiatic", "Ethi", true],
  ["ara", "ar", "Arabic", "Afro-Asiatic", "Arab", true],
  ["arb", "", "Standard Arabic", "Afro-Asiatic", "Arab", true, "ara"],
  ["arq", "", "Algerian Arabic", "Afro-Asiatic", "Arab", false],
  ["ary", "", "Moroccan Arabic", "Afro-Asiatic", "Arab", false],
  ["aym", "ay", "Aymara", "Aymaran", "Latn", false],
  ["ayr", "", "Central Aymara", "Aymaran", "Latn", false, "aym"],
  ["aze", "az", "Azerbaijani", "Turkic", "Latn", true],
  ["bam", "bm", "Bambara", "Mande", "Latn", false],
  ["ban", "", "Balinese", "Austronesian", "Latn", false],
  ["bbc", "", "Toba Batak", "Austronesian", "Latn", false],
  ["bbj", "", "Ghomala", "Niger-Congo", "Latn", false],
  ["bel", "be", "Belarusian", "Indo-European", "Cyrl", true],
  ["ben", "bn", "Bengali", "Indo-European", "Beng", true],
  ["bho", "", "Bhojpuri", "Indo-European", "Deva", false],
  ["bjn", "", "Banjarese", "Austronesian", "Latn", false],
  ["bre", "br", "Breton", "Indo-European", "Latn", true],
  ["bug", "", "Buginese", "Austronesian", "Latn", false],
  ["bul", "bg", "Bulgarian", "Indo-European", "Cyrl", true],
  ["bzd", "", "Bribri", "Chibchan", "Latn", false],
  ["ceb", "", "Cebuano", "Austronesian", "Latn", false],
  ["cmn", "", "Mandarin Chinese", "Sino-Tibetan", "Hans", true, "zho"],
  ["cni", "", "Ashaninka", "Arawakan", "Latn", false],
  ["crh", "", "Crimean Tatar", "Turkic", "Latn", false],
  ["cym", "cy", "Welsh", "Indo-European", "Latn", true],
  ["dan", "da", "Danish", "Indo-European", "Latn", true],
  ["deu", "de", "German", "Indo-European", "Latn", true],
  ["ell", "el", "Greek", "Indo-European", "Grek", true],
  ["eng", "en", "English", "Indo-European", "Latn", true],
  ["est", "et", "Estonian", "Uralic", "Latn", true],
  ["eus", "eu", "Basque", "isolate", "Latn", true],
  ["ewe", "ee", "Ewe", "Niger-Congo", "Latn", false],
  ["fao", "fo", "Faroese", "Indo-European", "Latn", false],
  ["fas", "fa", "Persian", "Indo-European", "Arab", true],
  ["fin", "fi", "Finnish", "Uralic", "Latn", true],
  ["fon", "", "Fon", "Niger-Congo", "Latn", false],
  ["fra", "fr", "French", "Indo-European", "Latn", true],
  ["gaz", "om", "West Central Oromo", "Afro-Asiatic", "Latn", true, "orm"],
  ["gle", "ga", "Irish", "Indo-European", "Latn", true],
  ["grn", "gn", "Guarani", "Tupian", "Latn", false],
  ["guj", "gu", "Gujarati", "Indo-European", "Gujr", true],
  ["hau", "ha", "Hausa", "Afro-Asiatic", "Latn", true],
  ["hch", "", "Wixarika (Huichol)", "Uto-Aztecan", "Latn", false],
  ["heb", "he", "Hebrew", "Afro-Asiatic", "Hebr", true],
  ["hin", "hi", "Hindi", "Indo-European", "Deva", true],
  ["hsb", "", "Upper Sorbian", "Indo-European", "Latn", false],
  ["hun", "hu", "Hungarian", "Uralic", "Latn", true],
  ["hye", "hy", "Armenian", "Indo-European", "Armn", true],
  ["ibo", "ig", "Igbo", "Niger-Congo", "Latn", false],
  ["ind", "id", "Indonesian", "Austronesian", "Latn", true],
  ["ita", "it", "Italian", "Indo-European", "Latn", true],
  ["jav", "jv", "Javanese", "Austronesian", "Latn", true],
  ["jpn", "ja", "Japanese", "Japonic", "Jpan", true],
  ["kab", "", "Kabyle", "Afro-Asiatic", "Latn", false],
  ["kat", "ka", "Georgian", "Kartvelian", "Geor", true],
  ["kaz", "kk", "Kazakh", "Turkic", "Cyrl", true],
  ["khk", "mn", "Halh Mongolian", "Mongolic", "Cyrl", true, "mon"],
  ["khm", "km", "Khmer", "Austroasiatic", "Khmr", true],
  ["kin", "rw", "Kinyarwanda", "Niger-Congo", "Latn", false],
  ["kir", "ky", "Kyrgyz", "Turkic", "Cyrl", true],
  ["kor", "ko", "Korean", "Koreanic", "Kore", true],
  ["lin", "ln", "Lingala", "Niger-Congo", "Latn", false],
  ["lit", "lt", "Lithuanian", "Indo-European", "Latn", true],
  ["lug", "lg", "Luganda", "Niger-Congo", "Latn", false],
  ["luo", "", "Luo", "Nilotic", "Latn", false],
  ["mal", "ml", "Malayalam", "Dravidian", "Mlym", true],
  ["mar", "mr", "Marathi", "Indo-European", "Deva", true],
  ["min", "", "Minangkabau", "Austronesian", "Latn", false],
  ["mlt", "mt", "Maltese", "Afro-Asiatic", "Latn", false],
  ["mos", "", "Mossi", "Niger-Congo", "Latn", false],
  ["msa", "ms", "Malay", "Austronesian", "Latn", true],
  ["nah", "", "Nahuatl", "Uto-Aztecan", "Latn", false],
  ["nld", "nl", "Dutch", "Indo-European", "Latn", true],
  ["nor", "no", "Norwegian", "Indo-European", "Latn", true],
  ["nqo", "", "N'Ko", "Mande", "Nkoo", false],
  ["nya", "ny", "Chichewa", "Niger-Congo", "Latn", false],
  ["oto", "", "Otomi", "Oto-Manguean", "Latn", false],
  ["pan", "pa", "Punjabi", "Indo-European", "Guru", true],
  ["pcm", "", "Nigerian Pidgin", "creole (English)", "Latn", false],
  ["pes", "", "Iranian Persian", "Indo-European", "Arab", true, "fas"],
  ["plt", "mg", "Plateau Malagasy", "Austronesian", "Latn", true, "mlg"],
  ["pol", "pl", "Polish", "Indo-European", "Latn", true],
  ["por", "pt", "Portuguese", "Indo-European", "Latn", true],
  ["quy", "", "Ayacucho Quechua", "Quechuan", "Latn", false],
  ["ron", "ro", "Romanian", "Indo-European", "Latn", true],
  ["run", "rn", "Rundi", "Niger-Congo", "Latn", false],
  ["rus", "ru", "Russian", "Indo-European", "Cyrl", true],
  ["san", "sa", "Sanskrit", "Indo-European", "Deva", true],
  ["sat", "", "Santali", "Austroasiatic", "Olck", false],
  ["shp", "", "Shipibo-Konibo", "Panoan", "Latn", false],
  ["smo", "sm", "Samoan", "Austronesian", "Latn", false],
  ["sna", "sn", "Shona", "Niger-Congo", "Latn", false],
  ["som", "so", "Somali", "Afro-Asiatic", "Latn", true],
  ["spa", "es", "Spanish", "Indo-European", "Latn", true],
  ["sun", "su", "Sundanese", "Austronesian", "Latn", true],
  ["swa", "sw", "Swahili", "Niger-Congo", "Latn", true],
  ["swh", "", "Swahili", "Niger-Congo", "Latn", true, "swa"],
  ["szl", "", "Silesian", "Indo-European", "Latn", false],
  ["tam", "ta", "Tamil", "Dravidian", "Taml", true],
  ["tar", "", "Raramuri", "Uto-Aztecan", "Latn", false],
  ["tat", "tt", "Tatar", "Turkic", "Cyrl", false],
  ["tel", "te", "Telugu", "Dravidian", "Telu", true],
  ["tgl", "tl", "Tagalog", "Austronesian", "Latn", true],
  ["tha", "th", "Thai", "Kra-Dai", "Thai", true],
  ["tir", "ti", "Tigrinya", "Afro-Asiatic", "Ethi", false],
  ["tsn", "tn", "Tswana", "Niger-Congo", "Latn", false],
  ["tso", "ts", "Tsonga", "Niger-Congo", "Latn", false],
  ["tur", "tr", "Turkish", "Turkic", "Latn", true],
  ["twi", "tw", "Twi", "Niger-Congo", "Latn", false],
  ["tzm", "", "Central Atlas Tamazight", "Afro-Asiatic", "Tfng", false],
  ["uig", "ug", "Uyghur", "Turkic", "Arab", true],
  ["ukr", "uk", "Ukrainian", "Indo-European", "Cyrl", true],
  ["urd", "ur", "Urdu", "Indo-European", "Arab", true],
  ["uzb", "uz", "Uzbek", "Turkic", "Latn", true],
  ["vie", "vi", "Vietnamese", "Austroasiatic", "Latn", true],
  ["wol", "wo", "Wolof", "Niger-Congo", "Latn", false],
  ["xho", "xh", "Xhosa", "Niger-Congo", "Latn", true],
  ["yor", "yo", "Yoruba", "Niger-Congo", "Latn", false],
  ["yue", "", "Cantonese", "Sino-Tibetan", "Hant", false],
  ["zho", "zh", "Chinese", "Sino-Tibetan", "Hans", true],
  ["zul", "zu", "Zulu", "Niger-Congo", "Latn", false],
];

export const languages: readonly Language[] = rows.map(([code3, code2, name, family, script, inXlmr, macro]) =>
  ({ code3, code2: code2 === "" ? undefined : code2, name, family, script, inXlmr, macro }));

/** The language of an ISO 639-1 or 639-3 code, of a code with a script ("tur_Latn"), or of an English name; undefined where we know none. */
export function findLanguage(given: string): Language | undefined {
  const key = given.toLowerCase();
  const code = key.split(/[_-]/)[0]!;
  return languages.find(({ code3, name }) => code3 === key || name.toLowerCase() === key)
    ?? languages.find(({ code2, macro }) => code2 === key && macro === undefined)
    ?? languages.find(({ code2, code3 }) => code2 === code || code3 === code);
}

/** As {@link findLanguage}, but throws with the nearest code or name. */
export function language(given: string): Language {
  const found = findLanguage(given);
  if (found !== undefined) return found;
  throw unknownName("data", "language", given, languages.flatMap(({ code2, code3, name }) => (given.length > 3 ? [name] : [code2 ?? code3, code3])));
}

/** Whether two codes mean one language, or one the macrolanguage of the other: "sw", "swa" and "swh". */
export function isSameLanguage(a: string, b: string): boolean {
  return a === b || macroCode(a) === macroCode(b);
}

function macroCode(given: string): string {
  const found = findLanguage(given);
  return found?.macro ?? found?.code3 ?? given.toLowerCase();
}
