using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace AkkaRegenCache.Serialization;

/// <summary>How values are serialized that nobody has given a serializer for.</summary>
/// <remarks>
/// What a value is after it has been stored, it is in this process, too, as far as JSON can say it: names as they are, so that <c>Name</c> and <c>name</c> are two;
/// fields (tuples have no properties); NaN and the infinities; strings with lone surrogates.
/// </remarks>
internal static class DefaultJson
{
    public static JsonSerializerOptions Options { get; } = Make();

    /// <summary>
    /// Options that the application gives, complete: without a resolver they are meant to use reflection, as they do with <see cref="JsonSerializer"/> itself.
    /// </summary>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only where the application has reflection-based JSON; else options without a resolver are refused.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "As above.")]
    public static JsonSerializerOptions Complete(JsonSerializerOptions options)
    {
        if (options.TypeInfoResolver is not null || !JsonSerializer.IsReflectionEnabledByDefault)
            return options;
        var complete = new JsonSerializerOptions(options) { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
        complete.MakeReadOnly();
        return complete;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only where the application has reflection-based JSON; else it registers a serializer or gives options with a resolver.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "As above.")]
    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions
        {
            IncludeFields = true,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
            Converters = { new AnyStringConverter() },

            // Without reflection (native AOT, trimming) none is known: objects that stay in this process need none, and for others the error names the type.
            TypeInfoResolver = JsonSerializer.IsReflectionEnabledByDefault ? new DefaultJsonTypeInfoResolver() : JsonTypeInfoResolver.Combine(),
        };
        options.MakeReadOnly();
        return options;
    }
}
