using AkkaRegenCache.Demo.Cluster;

/// <summary>Also an entry point for <c>WebApplicationFactory</c>, which finds the method by its name.</summary>
public partial class Program
{
    /// <summary>One node of the shop alone, without the demo around it.</summary>
    /// <param name="arguments">The command line.</param>
    public static IHostBuilder CreateHostBuilder(string[] arguments) =>
        Host.CreateDefaultBuilder(arguments).ConfigureWebHostDefaults(web => web.UseStartup<ShopStartup>());
}
