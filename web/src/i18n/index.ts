import { computed } from 'vue'
import { createI18n, useI18n } from 'vue-i18n'
import type { Bilingual } from '@/api/types'
import en from './en'
import zh from './zh'

export type Language = 'zh-CN' | 'en'
const KEPT = 'jiancha.language'

function kept(): Language {
  return localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh-CN'
}

export const i18n = createI18n({
  legacy: false,
  locale: kept(),
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh, en },
})

/** The language of the page, kept for the next visit. */
export const language = computed<Language>({
  get: () => i18n.global.locale.value as Language,
  set: (value) => {
    i18n.global.locale.value = value
    localStorage.setItem(KEPT, value)
  },
})

/** Picks the sentence in the page's language. */
export function say(text: Bilingual): string {
  return language.value === 'en' ? text.en : text.zh
}

export { useI18n }
