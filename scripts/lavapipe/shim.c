/*
 * Mesa's software Vulkan (lavapipe) for Dawn, the WebGPU of ONNX Runtime: Dawn refuses a device without dynamic indexing of
 * sampled and storage images, which lavapipe of Mesa 22 lacks and a computation on buffers never uses. This driver hands
 * everything on to lavapipe, says that it has the two features, and takes them out again where a device is made.
 */
#define VK_NO_PROTOTYPES
#include <dlfcn.h>
#include <string.h>
#include <vulkan/vulkan.h>

typedef PFN_vkVoidFunction (*GetProc)(VkInstance, const char *);

static PFN_vkGetPhysicalDeviceFeatures realFeatures;
static PFN_vkGetPhysicalDeviceFeatures2 realFeatures2;
static PFN_vkCreateDevice realCreateDevice;

static void *symbol(const char *name) {
  static void *driver;
  if (!driver) driver = dlopen("libvulkan_lvp.so", RTLD_NOW | RTLD_LOCAL);
  return driver ? dlsym(driver, name) : NULL;
}

static void set(VkPhysicalDeviceFeatures *features, VkBool32 value) {
  features->shaderSampledImageArrayDynamicIndexing = value;
  features->shaderStorageImageArrayDynamicIndexing = value;
}

static VKAPI_ATTR void VKAPI_CALL getFeatures(VkPhysicalDevice device, VkPhysicalDeviceFeatures *features) {
  realFeatures(device, features);
  set(features, VK_TRUE);
}

static VKAPI_ATTR void VKAPI_CALL getFeatures2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  realFeatures2(device, features);
  set(&features->features, VK_TRUE);
}

static VKAPI_ATTR VkResult VKAPI_CALL createDevice(VkPhysicalDevice device, const VkDeviceCreateInfo *asked,
                                                   const VkAllocationCallbacks *allocator, VkDevice *made) {
  VkDeviceCreateInfo info = *asked;
  VkPhysicalDeviceFeatures features;
  if (info.pEnabledFeatures) {
    features = *info.pEnabledFeatures;
    set(&features, VK_FALSE);
    info.pEnabledFeatures = &features;
  }
  for (VkBaseOutStructure *next = (VkBaseOutStructure *)info.pNext; next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) set(&((VkPhysicalDeviceFeatures2 *)next)->features, VK_FALSE);
  return realCreateDevice(device, &info, allocator, made);
}

static PFN_vkVoidFunction ours(const char *name, PFN_vkVoidFunction real) {
  if (!real) return NULL;
  if (!strcmp(name, "vkGetPhysicalDeviceFeatures")) {
    realFeatures = (PFN_vkGetPhysicalDeviceFeatures)real;
    return (PFN_vkVoidFunction)getFeatures;
  }
  if (!strcmp(name, "vkGetPhysicalDeviceFeatures2") || !strcmp(name, "vkGetPhysicalDeviceFeatures2KHR")) {
    realFeatures2 = (PFN_vkGetPhysicalDeviceFeatures2)real;
    return (PFN_vkVoidFunction)getFeatures2;
  }
  if (!strcmp(name, "vkCreateDevice")) {
    realCreateDevice = (PFN_vkCreateDevice)real;
    return (PFN_vkVoidFunction)createDevice;
  }
  return real;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance, const char *name) {
  GetProc real = (GetProc)symbol("vk_icdGetInstanceProcAddr");
  return real ? ours(name, real(instance, name)) : NULL;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name) {
  GetProc real = (GetProc)symbol("vk_icdGetPhysicalDeviceProcAddr");
  return real ? ours(name, real(instance, name)) : NULL;
}

VKAPI_ATTR VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  VkResult (*real)(uint32_t *) = (VkResult(*)(uint32_t *))symbol("vk_icdNegotiateLoaderICDInterfaceVersion");
  return real ? real(version) : VK_ERROR_INCOMPATIBLE_DRIVER;
}
