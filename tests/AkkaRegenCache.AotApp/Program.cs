using System.Text.Json;
using System.Text.Json.Serialization;
using AkkaRegenCache;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

// An application without reflection-based JSON: one cache that serializes nothing, and one on a store that takes bytes.
var builder = Host.CreateEmptyApplicationBuilder(null);
builder.Services.AddRegenCache("objects");
builder.Services.AddRegenCache("bytes", options => options.JsonSerializerOptions = new JsonSerializerOptions { TypeInfoResolver = AppJson.Default })
    .UseStore(new InMemoryStore(storesObjects: false))
    .AddKeyspace<Product>("products", static (_, key, _) => new ValueTask<Product>(new Product(key, 1)));
using var host = builder.Build();
await host.StartAsync();

var objects = host.Services.GetRequiredService<IRegenCache>();
Console.WriteLine(await objects.GetOrCreateAsync("key", static _ => new ValueTask<Unknown>(new Unknown(7))));
var bytes = host.Services.GetRequiredKeyedService<IRegenCache>("bytes");
Console.WriteLine(await bytes.GetAsync<Product>("products:tea"));
Console.WriteLine(await bytes.GetOrCreateAsync("coffee", static _ => new ValueTask<Product>(new Product("coffee", 2))));
Console.WriteLine(bytes.GetOrAdd("milk", static () => new Product("milk", 3), TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
Console.WriteLine((await bytes.TryGetAsync<Product>("coffee")).Value);
try
{
    await bytes.SetAsync("unknown", new Unknown(8));
}
catch (InvalidOperationException e)
{
    Console.WriteLine(e.Message);
}

await host.StopAsync();

internal sealed record Product(string Name, int Price);

internal sealed record Unknown(int Number);

[JsonSerializable(typeof(Product))]
internal sealed partial class AppJson : JsonSerializerContext;
