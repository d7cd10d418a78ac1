import { createRouter, createWebHistory } from 'vue-router'
import { forgetUser, knowUser } from './stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** Shown without a session. */
    open?: boolean
    dark?: boolean
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', redirect: '/wall' },
    { path: '/sign-in', name: 'sign-in', component: () => import('./pages/SignInPage.vue'), meta: { open: true } },
    { path: '/wall', name: 'wall', component: () => import('./pages/WallPage.vue'), meta: { dark: true } },
    { path: '/playback', name: 'playback', component: () => import('./pages/PlaybackPage.vue') },
    { path: '/cameras', name: 'cameras', component: () => import('./pages/CamerasPage.vue') },
    { path: '/:rest(.*)', name: 'not-found', component: () => import('./pages/NotFoundPage.vue') },
  ],
})

router.beforeEach(async (to) => {
  if (to.meta.open) return true
  try {
    if (await knowUser()) return true
  } catch {
    // The server cannot be reached: the page itself says so, and keeps trying.
    return true
  }
  return { name: 'sign-in', query: to.fullPath === '/wall' ? {} : { next: to.fullPath } }
})

router.afterEach((to) => {
  document.documentElement.classList.toggle('dark', to.meta.dark === true)
})

/** Leads to the sign-in page and back to where the person was. */
export function toSignIn() {
  const here = router.currentRoute.value
  forgetUser()
  if (here.meta.open || here.matched.length === 0) return
  void router.replace({ name: 'sign-in', query: { next: here.fullPath, expired: '1' } })
}
