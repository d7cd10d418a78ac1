import { createApp, watchEffect } from 'vue'
import { useElement } from './element'
import './styles/theme.css'
import './styles/base.css'
import App from './App.vue'
import { whenSignedOut } from './api/client'
import { i18n, language } from './i18n'
import { router, toSignIn } from './router'

const app = createApp(App)
useElement(app)
app.use(i18n)
app.use(router)
whenSignedOut(toSignIn)

watchEffect(() => {
  document.documentElement.lang = language.value
})

app.mount('#app')
